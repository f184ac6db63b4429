"""Numbers on the command line that can be trained with."""

from __future__ import annotations

import click

#: What can be trained with, and with factors of some thousand in either direction, in fp32.
_LEAST, _MOST = 1e-20, 1e20


class Positive(click.ParamType[float]):
    """A number from 1e-20 to 1e20."""

    name = "float"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            number = float(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a number", param, ctx)
        if not _LEAST <= number <= _MOST:
            self.fail(f"{value} is not in the range {_LEAST:g} to {_MOST:g}", param, ctx)
        return number


class NumberList(click.ParamType[tuple[float, ...]]):
    """Three numbers or more, in order and each once: ``0.01,0.02,0.04``.  0 may be among them."""

    name = "v,v,..."

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            found = sorted({float(word) for word in str(value).replace(",", " ").split()})
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers such as 0.01,0.02,0.04", param, ctx)
        if len(found) < 3:
            self.fail("a best value among them needs three or more", param, ctx)
        for number in found:
            if number != 0 and not _LEAST <= number <= _MOST:
                self.fail(f"{number:g} is not in the range {_LEAST:g} to {_MOST:g}", param, ctx)
        return tuple(found)
