"""PyTorch projects: what a factory makes at several widths is read, measured and judged."""
