"""What needs torch: running emitted programs, and measuring what they do."""
