"""Workflow commands of GitHub Actions, read back as its runner does."""

from __future__ import annotations


def read(line: str) -> tuple[str, dict[str, str], str]:
    """A command's name, properties and message (actions/runner, ActionCommand.cs)."""
    head, _, message = line.removesuffix("\n").removeprefix("::").partition("::")
    name, _, given = head.partition(" ")
    fields = dict(part.split("=", 1) for part in given.split(","))
    for new, old in (("\r", "%0D"), ("\n", "%0A")):
        message = message.replace(old, new)
        fields = {key: value.replace(old, new) for key, value in fields.items()}
    fields = {k: v.replace("%3A", ":").replace("%2C", ",") for k, v in fields.items()}
    return name, {k: v.replace("%25", "%") for k, v in fields.items()}, message.replace("%25", "%")
