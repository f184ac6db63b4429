"""An editor for tests: pygls' client over stdio, made synchronous; it waits, and never sleeps."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

from lsprotocol import types
from pygls.lsp.client import LanguageClient

_T = TypeVar("_T")
_TIMEOUT = 60
SERVER = ("-m", "richc", "lsp", "--stdio")

CAPABILITIES = types.ClientCapabilities(
    text_document=types.TextDocumentClientCapabilities(
        completion=types.CompletionClientCapabilities(
            completion_item=types.ClientCompletionItemOptions(snippet_support=True)
        ),
        hover=types.HoverClientCapabilities(content_format=[types.MarkupKind.Markdown]),
        code_action=types.CodeActionClientCapabilities(
            resolve_support=types.ClientCodeActionResolveOptions(properties=["edit"]),
            data_support=True,
        ),
    ),
    workspace=types.WorkspaceClientCapabilities(
        workspace_edit=types.WorkspaceEditClientCapabilities(document_changes=True)
    ),
)


class Editor:
    """One server process and what it said."""

    def __init__(
        self,
        capabilities: types.ClientCapabilities = CAPABILITIES,
        arguments: Sequence[str] = SERVER,
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self.client = LanguageClient("tests", "1")
        self.published: list[types.PublishDiagnosticsParams] = []
        self.messages: list[str] = []
        self._said = asyncio.Event()

        def _published(params: types.PublishDiagnosticsParams) -> None:
            self.published.append(params)
            self._said.set()

        def _logged(params: types.LogMessageParams) -> None:
            self.messages.append(params.message)

        def _shown(params: types.ShowMessageParams) -> None:
            self.messages.append(params.message)

        self.client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(_published)
        self.client.feature(types.WINDOW_LOG_MESSAGE)(_logged)
        self.client.feature(types.WINDOW_SHOW_MESSAGE)(_shown)
        self.run(self.client.start_io(sys.executable, *arguments))
        self.server = self.run(
            self.client.initialize_async(types.InitializeParams(capabilities=capabilities))
        ).capabilities
        self.client.initialized(types.InitializedParams())

    def run(self, work: Awaitable[_T]) -> _T:
        return self._loop.run_until_complete(asyncio.wait_for(work, _TIMEOUT))

    def close(self) -> int:
        """Say goodbye; the server's exit code."""
        process = self.client._server
        assert process is not None
        self.run(self.client.shutdown_async(None))
        self.client.exit(None)
        code: int = self.run(process.wait())
        client: Any = self.client  # pygls annotates this method in part
        self.run(client.stop())
        self._loop.close()
        return code

    def open(self, text: str, uri: str = "file:///models/net.rich") -> Text:
        document = Text(self, uri, text)
        document.open()
        return document

    def diagnostics(self, uri: str, version: int | None) -> list[types.Diagnostic]:
        """What was found in a version of a text, once it has been published."""

        async def wait() -> list[types.Diagnostic]:
            while True:
                for params in self.published:
                    if params.uri == uri and params.version == version:
                        return list(params.diagnostics)
                self._said.clear()
                await self._said.wait()

        return self.run(wait())


class Text:
    """An open text, as the editor has it."""

    def __init__(self, editor: Editor, uri: str, text: str) -> None:
        self.editor, self.uri, self.text, self.version = editor, uri, text, 1
        self.name = types.TextDocumentIdentifier(uri)

    def open(self) -> None:
        # One that another test opened and closed has been forgotten.
        self.editor.published[:] = [p for p in self.editor.published if p.uri != self.uri]
        item = types.TextDocumentItem(self.uri, "rich", self.version, self.text)
        self.editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def close(self) -> list[types.Diagnostic]:
        self.editor.client.text_document_did_close(types.DidCloseTextDocumentParams(self.name))
        return self.editor.diagnostics(self.uri, None)

    def change(self, *changes: types.TextDocumentContentChangeEvent) -> None:
        """Send changes; ``text`` is for the caller to keep."""
        self.version += 1
        name = types.VersionedTextDocumentIdentifier(uri=self.uri, version=self.version)
        self.editor.client.text_document_did_change(
            types.DidChangeTextDocumentParams(name, list(changes))
        )

    def replace(self, old: str, new: str) -> None:
        """Replace a part of the text by another, as a key press does."""
        start = self.text.index(old)
        end = start + len(old)
        place = types.Range(self.at(start), self.at(end))
        self.text = self.text[:start] + new + self.text[end:]
        self.change(types.TextDocumentContentChangePartial(place, new))

    def set(self, text: str) -> None:
        self.text = text
        self.change(types.TextDocumentContentChangeWholeDocument(text))

    @property
    def diagnostics(self) -> list[types.Diagnostic]:
        return self.editor.diagnostics(self.uri, self.version)

    @property
    def codes(self) -> list[Any]:
        return [d.code for d in self.diagnostics]

    def at(self, place: int | str) -> types.Position:
        """An offset, or the start of a word, as the protocol counts: done in its own way."""
        offset = place if isinstance(place, int) else self.text.index(place)
        before = self.text[:offset].replace("\r\n", "\n")
        line = before.rpartition("\n")[2]
        return types.Position(
            before.count("\n"), len(line.encode("utf-16-le", "surrogatepass")) // 2
        )

    def range(self, words: str) -> types.Range:
        start = self.text.index(words)
        return types.Range(self.at(start), self.at(start + len(words)))

    @property
    def whole(self) -> types.Range:
        return types.Range(types.Position(0, 0), self.at(len(self.text)))

    def applied(self, edits: Sequence[Any]) -> str:
        """The text with edits made."""
        lines = self.text.split("\n")
        starts = [sum(len(line) + 1 for line in lines[:i]) for i in range(len(lines))]

        def offset(place: types.Position) -> int:
            units = lines[place.line].encode("utf-16-le")[: 2 * place.character]
            return starts[place.line] + len(units.decode("utf-16-le"))

        text = self.text
        for edit in sorted(edits, key=lambda e: (e.range.start.line, e.range.start.character))[
            ::-1
        ]:
            start, end = offset(edit.range.start), offset(edit.range.end)
            text = text[:start] + edit.new_text + text[end:]
        return text

    def hover(self, place: int | str) -> str | None:
        params = types.HoverParams(self.name, self.at(place))
        found = self.editor.run(self.editor.client.text_document_hover_async(params))
        if found is None:
            return None
        assert isinstance(found.contents, types.MarkupContent)
        return found.contents.value

    def completions(self, place: int | str) -> list[types.CompletionItem]:
        params = types.CompletionParams(self.name, self.at(place))
        found = self.editor.run(self.editor.client.text_document_completion_async(params))
        assert isinstance(found, list)
        return found

    def complete(self, place: int | str) -> dict[str, str]:
        """Words, each with its documentation."""
        found = self.completions(place)
        documentation = [item.documentation for item in found]
        assert all(isinstance(about, types.MarkupContent) for about in documentation)
        return {item.label: getattr(item.documentation, "value", "") for item in found}

    def hints(self, place: types.Range | None = None) -> list[types.InlayHint]:
        params = types.InlayHintParams(self.name, place or self.whole)
        found = self.editor.run(self.editor.client.text_document_inlay_hint_async(params))
        return list(found or ())

    def actions(
        self, place: types.Range | None = None, only: Sequence[str] | None = None
    ) -> list[types.CodeAction]:
        context = types.CodeActionContext([], only=only)
        params = types.CodeActionParams(self.name, place or self.whole, context)
        found = self.editor.run(self.editor.client.text_document_code_action_async(params))
        return [action for action in found or () if isinstance(action, types.CodeAction)]

    def resolve(self, action: types.CodeAction) -> types.CodeAction:
        return self.editor.run(self.editor.client.code_action_resolve_async(action))

    def done(self, action: types.CodeAction) -> str:
        """The text after an action."""
        assert action.edit is not None
        if action.edit.changes is not None:
            return self.applied(action.edit.changes[self.uri])
        assert action.edit.document_changes is not None
        (change,) = action.edit.document_changes
        assert isinstance(change, types.TextDocumentEdit)
        assert (self.uri, self.version) == (change.text_document.uri, change.text_document.version)
        return self.applied(change.edits)

    def definition(self, place: int | str) -> types.Location | None:
        params = types.DefinitionParams(self.name, self.at(place))
        found = self.editor.run(self.editor.client.text_document_definition_async(params))
        assert found is None or isinstance(found, types.Location)
        return found

    def outline(self) -> list[types.DocumentSymbol]:
        params = types.DocumentSymbolParams(self.name)
        found = self.editor.run(self.editor.client.text_document_document_symbol_async(params))
        return [symbol for symbol in found or () if isinstance(symbol, types.DocumentSymbol)]

    def format(self) -> str:
        options = types.FormattingOptions(tab_size=2, insert_spaces=True)
        params = types.DocumentFormattingParams(self.name, options)
        found = self.editor.run(self.editor.client.text_document_formatting_async(params))
        return self.applied(found or ())
