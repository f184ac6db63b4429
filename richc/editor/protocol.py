"""Answers as the language server protocol has them: offsets become ranges, words its types."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from lsprotocol import types
from pygls.uris import from_fs_path

from richc.diagnostics import ERROR, SLUGS, WARNING, Diagnostic, Edit, Span
from richc.editor import positions
from richc.editor.actions import Action
from richc.editor.completion import Completion
from richc.editor.definition import Definition
from richc.editor.document import Document, TextChange
from richc.editor.hints import Hint
from richc.editor.outline import Symbol
from richc.rules import pages

_SEVERITIES = {
    ERROR: types.DiagnosticSeverity.Error,
    WARNING: types.DiagnosticSeverity.Warning,
}

_COMPLETION_KINDS = {
    "activation": types.CompletionItemKind.Function,
    "attribute": types.CompletionItemKind.Property,
    "body": types.CompletionItemKind.Keyword,
    "gain attribute": types.CompletionItemKind.Property,
    "loss": types.CompletionItemKind.Function,
    "norm": types.CompletionItemKind.Function,
    "norm attribute": types.CompletionItemKind.Property,
    "option": types.CompletionItemKind.Property,
    "optimizer": types.CompletionItemKind.Class,
    "parameterization option": types.CompletionItemKind.Property,
    "residual attribute": types.CompletionItemKind.Property,
    "richness option": types.CompletionItemKind.Property,
    "statement": types.CompletionItemKind.Keyword,
    "symbol": types.CompletionItemKind.Variable,
    "train option": types.CompletionItemKind.Property,
    "width": types.CompletionItemKind.Variable,
}


def position_in(place: types.Position) -> positions.Position:
    return positions.Position(place.line, place.character)


def position_out(place: positions.Position) -> types.Position:
    return types.Position(place.line, place.character)


def range_out(document: Document, span: Span) -> types.Range:
    start, end = document.position(span.start), document.position(span.end)
    return types.Range(position_out(start), position_out(end))


def span_in(document: Document, place: types.Range) -> Span:
    start = document.offset(position_in(place.start))
    return Span(start, max(start, document.offset(position_in(place.end))))


def changes_in(changes: Iterable[types.TextDocumentContentChangeEvent]) -> list[TextChange]:
    return [
        TextChange(change.text, position_in(change.range.start), position_in(change.range.end))
        if isinstance(change, types.TextDocumentContentChangePartial)
        else TextChange(change.text)
        for change in changes
    ]


def diagnostic_out(document: Document, uri: str, found: Diagnostic) -> types.Diagnostic:
    message = f"{found.message}: {found.label}" if found.label else found.message
    lines = [message, *(f"note: {note}" for note in found.notes)]
    if found.help:
        lines.append(f"help: {found.help}")
    related = [
        types.DiagnosticRelatedInformation(
            types.Location(uri, range_out(document, label.span)), label.text
        )
        for label in found.labels
    ]
    page = None
    if found.code in SLUGS:
        path = Path(pages.__file__).with_name(pages.file_name(found.code))
        page = types.CodeDescription(path.as_uri())
    return types.Diagnostic(
        range=range_out(document, found.span),
        message="\n".join(lines),
        severity=_SEVERITIES.get(found.severity, types.DiagnosticSeverity.Information),
        code=found.code,
        code_description=page,
        source="richc",
        related_information=related or None,
    )


def edits_out(document: Document, edits: Iterable[Edit]) -> list[types.TextEdit]:
    # Two findings may ask for the same edit.
    unique = sorted(set(edits))
    return [types.TextEdit(range_out(document, edit.span), edit.text) for edit in unique]


def workspace_edit(
    document: Document, uri: str, edits: Iterable[Edit], *, versioned: bool
) -> types.WorkspaceEdit:
    changes = edits_out(document, edits)
    if not versioned:
        return types.WorkspaceEdit(changes={uri: changes})
    name = types.OptionalVersionedTextDocumentIdentifier(uri=uri, version=document.version)
    return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(name, [*changes])])


def action_out(
    document: Document, uri: str, action: Action, edits: Iterable[Edit] | None, *, versioned: bool
) -> types.CodeAction:
    """An action with its edits, or, without them, one that is to be resolved."""
    mends = action.diagnostic
    return types.CodeAction(
        title=action.title,
        kind=action.kind,
        diagnostics=[diagnostic_out(document, uri, mends)] if mends else None,
        is_preferred=True if mends else None,
        edit=None if edits is None else workspace_edit(document, uri, edits, versioned=versioned),
        data={"uri": uri, "version": document.version, "model": action.model}
        if edits is None
        else None,
    )


def hint_out(document: Document, hint: Hint) -> types.InlayHint:
    return types.InlayHint(
        position=position_out(document.position(hint.offset)),
        label=hint.label,
        kind=types.InlayHintKind.Type,
        tooltip=hint.tooltip,
    )


def completion_out(item: Completion, *, snippets: bool) -> types.CompletionItem:
    is_snippet = snippets and bool(item.snippet)
    return types.CompletionItem(
        label=item.word,
        insert_text=item.snippet if is_snippet else None,
        insert_text_format=types.InsertTextFormat.Snippet if is_snippet else None,
        kind=_COMPLETION_KINDS.get(item.kind, types.CompletionItemKind.EnumMember),
        detail=item.kind,
        documentation=types.MarkupContent(types.MarkupKind.Markdown, item.documentation),
    )


def symbol_out(document: Document, symbol: Symbol) -> types.DocumentSymbol:
    children = symbol.children
    return types.DocumentSymbol(
        name=symbol.name,
        detail=symbol.detail,
        kind=types.SymbolKind.Field if children is None else types.SymbolKind.Class,
        range=range_out(document, symbol.span),
        selection_range=range_out(document, symbol.name_span),
        children=[symbol_out(document, child) for child in children or ()],
    )


def target_out(document: Document, uri: str, target: Definition) -> types.Location:
    if target.path is None or target.positions is None:
        return types.Location(uri, range_out(document, target.span))
    place = types.Range(
        position_out(target.positions.at(target.span.start)),
        position_out(target.positions.at(target.span.end)),
    )
    other = uri if target.path == document.path else from_fs_path(os.path.abspath(target.path))
    return types.Location(other or uri, place)
