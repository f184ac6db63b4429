"""Names of files in what richc prints for other programs."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator


def encodable(name: str) -> str:
    r"""A name that any Unicode text can hold: each byte that is no UTF-8 as \udcNN."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


#: A name of a file as a field of a JSON document.
FileName = Annotated[str, BeforeValidator(encodable)]
