"""The base of all JSON that richc writes: nothing more, and nothing else, than the fields say."""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from richc.algebra.sizes import Zero


class Strict(BaseModel):
    """Immutable; unknown keys are refused.  A record stands for its fields of the same names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def of(cls, record: object, **others: Any) -> Self:
        """From a record, and ``others``, which it lacks or has in another form."""
        return cls.model_validate(cls._taken(record, others) | others)

    @classmethod
    def _taken(cls, record: object, but: dict[str, Any]) -> dict[str, Any]:
        names = [name for name in cls.model_fields if name not in but and hasattr(record, name)]
        return {name: getattr(record, name) for name in names}

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, fields: Any) -> Any:
        """A record as its fields; enums as words, which pydantic 2.7 wants, exact sizes as text."""
        if isinstance(fields, cls):
            return fields
        given = fields if isinstance(fields, dict) else cls._taken(fields, {})
        return {name: _word(value) for name, value in given.items()}


def _word(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    return str(value) if isinstance(value, Fraction | Zero) else value


def encodable(name: str) -> str:
    r"""A name that any Unicode text can hold: each byte that is no UTF-8 as \udcNN."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


#: A name of a file as a field of a JSON document.
FileName = Annotated[str, BeforeValidator(encodable)]
