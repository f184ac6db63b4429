"""Projects that are PyTorch already: what a factory makes at several widths is read and measured."""
