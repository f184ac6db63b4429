"""The command line: one short module a command, each imported when it is run."""
