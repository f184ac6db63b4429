"""One HTML page about a checked file: ``richc report``.

The page needs nothing but itself: no network, no script, no font.  ``sections`` lists what a
model's part of it holds; another section is one more entry there.  Jinja2 (extra
``richc[report]``) fills the templates, escaping whatever comes from the file.
"""
