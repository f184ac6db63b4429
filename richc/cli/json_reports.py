"""What an earlier command found, read from the JSON that it printed."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from richc.diagnostics import RichError

_Report = TypeVar("_Report", bound=BaseModel)


def read_report(path: str, option: str, command: str, schema: type[_Report]) -> _Report:
    """A report of ``richc command --format json``, named by an option.  Raises RichError."""
    try:
        return schema.model_validate_json(Path(path).read_bytes())
    except OSError as error:
        raise RichError(f"{option}: {path}: {error.strerror or error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(map(str, first["loc"]))
        raise RichError(
            f"{option}: {path}: not what `richc {command} --format json` prints: "
            f"{f'{at}: ' if at else ''}{first['msg']}"
        ) from None
