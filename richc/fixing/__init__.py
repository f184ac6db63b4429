"""What ``richc fix`` does to a text."""
