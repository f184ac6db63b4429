"""Gauge moves of whole files, and when two specifications are one network."""
