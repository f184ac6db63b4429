"""The version: of the package, of what it writes, and of the reports' producer."""

__version__ = "0.2.0"
