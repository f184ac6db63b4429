"""``richc lsp``: the language server.  It keeps the open documents and asks the other modules.

A key press changes the text at once and asks for a check soon; a check rests afterwards for as long
as it took, so that slow ones never pile up and typing waits for none but the one that is running.
Requests in between are answered from the newest text.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, lsp_method
from pygls.uris import to_fs_path

from richc._version import __version__
from richc.editor import protocol as to
from richc.editor.actions import (
    FILL_HOLES,
    FIX_ALL,
    QUICK_FIX,
    Action,
    actions,
    edits_between,
    fixed,
)
from richc.editor.completion import complete
from richc.editor.definition import definition
from richc.editor.document import Document
from richc.editor.hints import hints
from richc.editor.hover import hover
from richc.editor.outline import outline
from richc.editor.positions import UTF_16
from richc.syntax.formatter import format_text

_log = logging.getLogger(__name__)

#: In seconds: what a check waits for at least (for key presses that are on their way), and how
#: long it rests at most.
_WAIT = 0.001
_LONGEST_REST = 0.5


class Server(LanguageServer):
    """The open documents, by URI, and the checks that they wait for."""

    def __init__(self) -> None:
        super().__init__(
            "richc",
            __version__,
            types.TextDocumentSyncKind.Incremental,
            None,
            protocol_cls=_Protocol,
        )
        self.documents: dict[str, Document] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        #: When each document may be checked again, by the loop's clock.
        self._rested: dict[str, float] = {}

    @property
    def encoding(self) -> str:
        agreed = self.server_capabilities.position_encoding
        return str(getattr(agreed, "value", agreed) or UTF_16)

    def supports(self, path: str) -> Any:
        """A capability of the client by its path; None where it says nothing of it."""
        value: Any = self.client_capabilities
        for name in path.split("."):
            value = getattr(value, name, None)
        return value

    def keep(self, uri: str, document: Document) -> None:
        """Take a new version of a document, and check it soon."""
        self.documents[uri] = document
        if uri in self._timers:
            return
        loop = asyncio.get_running_loop()
        when = max(loop.time() + _WAIT, self._rested.get(uri, 0.0))
        self._timers[uri] = loop.call_at(when, self._check, uri)

    def drop(self, uri: str) -> None:
        """Forget a document and what was said of it."""
        if self.documents.pop(uri, None) is None:
            return
        self._rested.pop(uri, None)
        timer = self._timers.pop(uri, None)
        if timer is not None:
            timer.cancel()
        self._publish(uri, [], None)

    def _check(self, uri: str) -> None:
        del self._timers[uri]
        document = self.documents[uri]
        loop = asyncio.get_running_loop()
        start = loop.time()
        try:
            found = [to.diagnostic_out(document, uri, d) for d in document.result.diagnostics]
        except Exception as error:  # noqa: BLE001 - ours, whatever it is: the session goes on
            # What was found in an older text would be wrong.
            found = []
            _log.exception("richc: internal error")
            text = f"richc: internal error: {type(error).__name__}: {error}; please report it"
            self.window_log_message(types.LogMessageParams(types.MessageType.Error, text))
        self._publish(uri, found, document.version)
        end = loop.time()
        self._rested[uri] = end + min(end - start, _LONGEST_REST)

    def _publish(self, uri: str, found: list[types.Diagnostic], version: int | None) -> None:
        self.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(uri=uri, diagnostics=found, version=version)
        )


class _Protocol(LanguageServerProtocol):
    """Documents are ours: pygls' own end lines where the protocol does not (form feeds)."""

    _server: Server

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        item = params.text_document
        path = to_fs_path(item.uri) or item.uri
        document = Document(path, item.text, item.version, self._server.encoding)
        self._server.keep(item.uri, document)

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        uri = params.text_document.uri
        document = self._server.documents.get(uri)
        if document is not None:
            changes = to.changes_in(params.content_changes)
            self._server.keep(uri, document.changed(changes, params.text_document.version))

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        self._server.drop(params.text_document.uri)


def _saved(ls: Server, params: types.DidSaveTextDocumentParams) -> None:
    """Others may have to be equivalent to what was saved."""
    for uri, document in list(ls.documents.items()):
        if uri != params.text_document.uri and "equivalent" in document.text:
            ls.keep(uri, document.again())


def _hover(ls: Server, document: Document, params: types.HoverParams) -> types.Hover | None:
    found = hover(document, document.offset(to.position_in(params.position)))
    if found is None:
        return None
    formats = ls.supports("text_document.hover.content_format")
    kind = types.MarkupKind.Markdown
    if formats and kind not in formats:
        kind = types.MarkupKind.PlainText
    return types.Hover(types.MarkupContent(kind, found.text), to.range_out(document, found.span))


def _hints(_: Server, document: Document, params: types.InlayHintParams) -> list[types.InlayHint]:
    span = to.span_in(document, params.range)
    return [to.hint_out(document, hint) for hint in hints(document, span.start, span.end)]


def _actions(
    ls: Server, document: Document, params: types.CodeActionParams
) -> list[types.CodeAction]:
    uri = params.text_document.uri
    span = to.span_in(document, params.range)
    only = params.context.only
    return [
        _action(ls, document, uri, action)
        for action in actions(document, span.start, span.end)
        if only is None or any(f"{action.kind}.".startswith(f"{kind}.") for kind in only)
    ]


def _action(ls: Server, document: Document, uri: str, action: Action) -> types.CodeAction:
    versioned = _versioned(ls)
    if action.model is None:
        return to.action_out(document, uri, action, action.edits, versioned=versioned)
    # Editors ask at every movement of the cursor: mending a model is for when it is wanted.
    lazily = ls.supports("text_document.code_action.resolve_support.properties") or ()
    edits = None if "edit" in lazily else fixed(document, action.model)
    return to.action_out(document, uri, action, edits, versioned=versioned)


def _versioned(ls: Server) -> bool:
    return bool(ls.supports("workspace.workspace_edit.document_changes"))


def _resolve(ls: Server, params: types.CodeAction) -> types.CodeAction:
    data = params.data if isinstance(params.data, dict) else {}
    uri, model = data.get("uri", ""), data.get("model")
    document = ls.documents.get(uri)
    if document is not None and model is not None and document.version == data.get("version"):
        edits = fixed(document, model)
        params.edit = to.workspace_edit(document, uri, edits, versioned=_versioned(ls))
    return params


def _completion(
    ls: Server, document: Document, params: types.CompletionParams
) -> list[types.CompletionItem]:
    offset = document.offset(to.position_in(params.position))
    snippets = bool(ls.supports("text_document.completion.completion_item.snippet_support"))
    return [to.completion_out(item, snippets=snippets) for item in complete(document, offset)]


def _definition(
    _: Server, document: Document, params: types.DefinitionParams
) -> types.Location | None:
    uri = params.text_document.uri
    found = definition(document, document.offset(to.position_in(params.position)))
    return None if found is None else to.target_out(document, uri, found)


def _symbols(_: Server, document: Document, __: object) -> list[types.DocumentSymbol]:
    return [to.symbol_out(document, symbol) for symbol in outline(document)]


def _format(_: Server, document: Document, __: object) -> list[types.TextEdit]:
    text = document.source.text
    return to.edits_out(document, edits_between(text, format_text(text)))


_ANSWERS: tuple[tuple[str, Callable[[Server, Document, Any], object], object], ...] = (
    (types.TEXT_DOCUMENT_HOVER, _hover, None),
    (types.TEXT_DOCUMENT_INLAY_HINT, _hints, None),
    (
        types.TEXT_DOCUMENT_CODE_ACTION,
        _actions,
        types.CodeActionOptions([QUICK_FIX, FIX_ALL, FILL_HOLES], resolve_provider=True),
    ),
    (
        types.TEXT_DOCUMENT_COMPLETION,
        _completion,
        types.CompletionOptions(trigger_characters=[" ", "=", "^", "(", "*", "/", ">"]),
    ),
    (types.TEXT_DOCUMENT_DEFINITION, _definition, None),
    (types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, _symbols, None),
    (types.TEXT_DOCUMENT_FORMATTING, _format, None),
)


#: Those of which there may be one; of the others there are lists.
_SINGLE = {types.TEXT_DOCUMENT_HOVER, types.TEXT_DOCUMENT_DEFINITION}


def _answering(
    method: str, answer: Callable[[Server, Document, Any], object]
) -> Callable[..., object]:
    """An answer for requests, which name a document: nothing where that is not open."""

    def answered(ls: Server, params: Any) -> object:
        document = ls.documents.get(params.text_document.uri)
        if document is None:
            return None if method in _SINGLE else []
        return answer(ls, document, params)

    return answered


def create() -> Server:
    """A server with everything that this richc can do."""
    server = Server()
    server.feature(types.TEXT_DOCUMENT_DID_SAVE, types.SaveOptions(include_text=False))(_saved)
    server.feature(types.CODE_ACTION_RESOLVE)(_resolve)
    for method, answer, options in _ANSWERS:
        server.feature(method, options)(_answering(method, answer))
    return server


def run() -> None:
    """Serve one editor on standard input and output until it says goodbye."""
    server = create()
    gc.freeze()
    server.start_io()
