"""The base of all JSON that richc writes: nothing more, and nothing else, than the fields say."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Strict(BaseModel):
    """Immutable; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _words(cls, fields: Any) -> Any:
        """Enums as the words that they are: pydantic 2.7 takes no enum for a literal."""
        if not isinstance(fields, dict):
            return fields
        return {k: v.value if isinstance(v, StrEnum) else v for k, v in fields.items()}
