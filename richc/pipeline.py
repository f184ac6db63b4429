"""Text in, everything known about it out: parse, resolve, judge, apply the rules."""

from __future__ import annotations

from collections.abc import Callable, Container
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from richc.calculus.verdict import Status, Verdict
from richc.diagnostics import WARNING, Diagnostic, Edit, Span, Suppressed, apply
from richc.resolve import resolve
from richc.rules import run
from richc.rules.context import Context
from richc.spec.model import Model
from richc.syntax import tree
from richc.syntax.parser import parse
from richc.syntax.source import Source
from richc.words import ADDRESS

if TYPE_CHECKING:
    from richc.repair.repair import Repair


class ModelResult(NamedTuple):
    """One model that could be judged."""

    spec: Model
    #: At the declared richness.
    verdict: Verdict
    context: Context
    diagnostics: tuple[Diagnostic, ...]
    #: (desideratum, status): for every richness of the interval, where one is declared.
    statuses: tuple[tuple[str, Status], ...]
    #: What comments of the text silence.
    suppressed: tuple[Suppressed, ...] = ()
    #: What would make it pass, if it fails and exponents can.
    repair: Repair | None = None

    @property
    def passes(self) -> bool:
        return not any(d.is_error for d in self.diagnostics)

    @property
    def sentence(self) -> str:
        from richc.rules.sentence import over_interval, sentence

        return sentence(self.spec, self.verdict) + over_interval(self.spec, self.statuses)


class FileResult(NamedTuple):
    """One text: its judged models, and all diagnostics in order of place."""

    source: Source
    models: tuple[ModelResult, ...]
    diagnostics: tuple[Diagnostic, ...]
    #: The names of all models that the text holds, usable or not.
    names: tuple[str, ...] = ()

    @property
    def has_errors(self) -> bool:
        return any(d.is_error for d in self.diagnostics)

    @property
    def has_warnings(self) -> bool:
        return any(d.severity == WARNING for d in self.diagnostics)

    @property
    def is_unresolved(self) -> bool:
        """True when some model has errors of syntax or names, and therefore no verdict."""
        judged = {d for model in self.models for d in model.diagnostics}
        return any(d.is_error and d not in judged for d in self.diagnostics)

    def only(self, model: str) -> FileResult:
        """The part that concerns one model (and what concerns no model in particular)."""
        return self._replace(
            models=tuple(m for m in self.models if m.spec.name == model),
            diagnostics=tuple(d for d in self.diagnostics if d.model in (None, model)),
        )

    def of_rules(self, codes: Container[str]) -> FileResult:
        """The part that rules of these codes have found."""

        def part(diagnostics: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
            return tuple(d for d in diagnostics if d.code in codes)

        return self._replace(
            models=tuple(
                m._replace(
                    diagnostics=part(m.diagnostics),
                    suppressed=tuple(s for s in m.suppressed if s.diagnostic.code in codes),
                )
                for m in self.models
            ),
            diagnostics=part(self.diagnostics),
        )


def analyse(text: str, path: str = "<text>", *, mend: bool = True) -> FileResult:
    """Check a text.  Mistakes of the user are diagnostics; this raises only for bugs."""
    return analyse_source(Source(path, text), mend=mend)


def _judged(context: Context, *, mend: bool) -> ModelResult:
    verdict = context.verdict
    if context.model.interval is None:
        found, statuses = tuple(run(context)), verdict.statuses
    else:
        from richc.rules.interval import decide  # few files declare one

        statuses, found = decide(context)
    repair = None
    if mend and any(d.is_error for d in found):
        from richc.repair.repair import advise  # most models pass

        repair, found = advise(context, found)
    return ModelResult(context.model, verdict, context, found, statuses, repair=repair)


def analyse_source(
    source: Source, at: Callable[[Model], Model] | None = None, *, mend: bool = True
) -> FileResult:
    """Check a text; ``at`` says what its models are trained as, where not as they declare.

    Then nothing is offered: the text is right or wrong as it stands.  Without ``mend`` no repair is
    looked for, which for a model that fails takes longer than its verdict.
    """
    file, found = parse(source)
    specs, unresolved, at_large_width = resolve(file, source.text)
    nodes = {node.name.span: node for node in file.models}
    results: list[ModelResult] = []
    for spec in specs if at is None else map(at, specs):
        context = Context(spec, nodes[spec.name_place], source.text, source.path)
        result = _judged(context, mend=mend)
        if at is not None:
            plain = tuple(d._replace(help=None, edits=()) for d in result.diagnostics)
            result = result._replace(diagnostics=plain)
        results.append(result)
    for spec in at_large_width:
        from richc.rules.sums import with_consequences  # few files add different powers

        context = Context(spec, nodes[spec.name_place], source.text, source.path)
        unresolved = with_consequences(context, unresolved)
    own: tuple[Diagnostic, ...] = ()
    if any(ADDRESS.search(comment.text) for comment in file.comments):
        from richc.rules.suppressions import Judged, sort_out

        judged = [Judged(result.context.node, result.diagnostics) for result in results]
        done = sort_out(file, source, judged, whole=not (found or unresolved))
        own = done.own
        results = [
            result._replace(diagnostics=kept, suppressed=suppressed)
            for result, kept, suppressed in zip(results, done.kept, done.suppressed, strict=True)
        ]
    judgements = (d for result in results for d in result.diagnostics)
    everything = [*found, *unresolved, *judgements, *own]
    everything.sort(key=lambda d: (d.span.start, d.code))
    names = tuple(node.name.text for node in file.models)
    return FileResult(source, tuple(results), tuple(everything), names)


def at_depth_exponent(result: ModelResult, alpha: Fraction) -> ModelResult | None:
    """The model whose ``parameterization`` says ``depth = alpha``; None where it has none."""
    context = result.context
    node = next((s for s in context.node.statements if isinstance(s, tree.Parameterization)), None)
    if node is None or result.spec.depth is None:
        return None
    options = [option for option in node.options if option.name.text == "depth"]
    end = Span(node.span.end, node.span.end)
    edit = Edit(options[0].value.span, f"{alpha}") if options else Edit(end, f", depth = {alpha}")
    source = Source(context.path, apply(context.text, [edit]))
    models = analyse_source(source, mend=False).models
    return next((model for model in models if model.spec.name == result.spec.name), None)
