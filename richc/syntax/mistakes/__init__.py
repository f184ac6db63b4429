"""What people write by mistake, or by habit from elsewhere, and what each of it is told.

A recogniser looks at the place where a statement fails and answers with a message, or with None;
the first that answers is the one.  tests/syntax/mistakes.md shows what they say.
"""
