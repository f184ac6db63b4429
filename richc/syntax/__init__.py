"""Text to syntax tree: sources, tokens, the parser and its messages."""
