"""For pytest: ``def test_mup(): assert_mup(make)``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from richc.report.audit_schema import AuditReport


def assert_mup(
    make: Callable[[int], Any] | str,
    *,
    widths: Sequence[int] | None = None,
    seeds: int | None = None,
    target: str = "mup",
    read_only: bool = False,
) -> AuditReport:
    """Assert that ``richc.audit`` finds nothing at fault, and nothing open.

    The arguments are those of ``richc.audit``.  The failure's message is the report.
    """
    import richc
    from richc.report.audit import text

    __tracebackhide__ = True
    found = richc.audit(make, widths=widths, seeds=seeds, target=target, read_only=read_only)
    if found.verdict != "pass":
        raise AssertionError("\n" + text(found))
    return found
