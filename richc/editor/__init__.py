"""What an editor asks of a text: pure functions from a document to answers, and one server.

Answers speak of character offsets (``Span``); only ``server`` knows the protocol, and only it
imports pygls.
"""
