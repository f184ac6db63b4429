"""A whole session of the language server in this process: messages in, messages out.

Nothing but the pipe is left out, so that what kills the server, or makes it answer with an error,
is an exception here.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from richc.editor.positions import Positions
from richc.editor.server import create

_URI = "file:///nowhere/net.rich"
_OPEN = {"synchronization": {"dynamicRegistration": False}}


class Session:
    """One server, and one document after the other."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._server = create()
        self._sent: list[dict[str, Any]] = []
        self._server.protocol.set_writer(self, include_headers=False)
        self._ids = 0
        self._version = 0
        self._text = ""
        self._request("initialize", {"processId": None, "rootUri": None, "capabilities": {}})

    def write(self, data: bytes) -> None:
        """What the server sends."""
        self._sent.append(json.loads(data))

    def open(self, text: str) -> None:
        self._sent.clear()
        # Versions go on from one document to the next.
        self._version, self._text = self._version + 1, text
        item = {"uri": _URI, "languageId": "rich", "version": self._version, "text": text}
        self._notify("textDocument/didOpen", {"textDocument": item})
        self._hear()

    def replace(self, start: int, end: int, text: str) -> None:
        """Type over a part of the text."""
        self._version += 1
        change = {"range": self._range(start, end), "text": text}
        self._text = self._text[:start] + text + self._text[end:]
        name = {"uri": _URI, "version": self._version}
        self._notify("textDocument/didChange", {"textDocument": name, "contentChanges": [change]})
        self._hear()

    def ask(self, offset: int) -> None:
        """Everything that an editor may want to know of a place and of the text."""
        name = {"uri": _URI}
        here = self._position(offset)
        for method in ("hover", "completion", "definition"):
            self._request(f"textDocument/{method}", {"textDocument": name, "position": here})
        everything = self._range(0, len(self._text))
        self._request("textDocument/inlayHint", {"textDocument": name, "range": everything})
        self._request("textDocument/documentSymbol", {"textDocument": name})
        at = {"start": here, "end": here}
        self._request(
            "textDocument/codeAction",
            {"textDocument": name, "range": at, "context": {"diagnostics": []}},
        )
        self._request(
            "textDocument/formatting",
            {"textDocument": name, "options": {"tabSize": 2, "insertSpaces": True}},
        )

    def close(self) -> None:
        self._notify("textDocument/didClose", {"textDocument": {"uri": _URI}})
        self._sound()

    def _hear(self) -> None:
        """Wait for the findings in the newest version; places in them exist."""

        async def wait() -> list[Any]:
            while True:
                for message in self._sent:
                    params = message.get("params") or {}
                    if params.get("version") == self._version:
                        return list(params["diagnostics"])
                await asyncio.sleep(0)

        found = self._loop.run_until_complete(asyncio.wait_for(wait(), 60))
        end = self._position(len(self._text))
        for diagnostic in found:
            places = [
                diagnostic,
                *(r["location"] for r in diagnostic.get("relatedInformation", ())),
            ]
            for place in places:
                start, stop = place["range"]["start"], place["range"]["end"]
                assert _key(start) <= _key(stop) <= _key(end)
        self._sound()

    def _request(self, method: str, params: object) -> None:
        self._ids += 1
        self._send({"id": self._ids, "method": method, "params": params})
        assert any(m.get("id") == self._ids and "result" in m for m in self._sent), self._sent[-1:]
        self._sound()

    def _notify(self, method: str, params: object) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: dict[str, object]) -> None:
        protocol = self._server.protocol
        whole = json.dumps({"jsonrpc": "2.0", **message})

        async def handle() -> None:
            protocol.handle_message(json.loads(whole, object_hook=protocol.structure_message))

        self._loop.run_until_complete(handle())

    def _sound(self) -> None:
        """No answer is an error, and nobody was told of a bug."""
        for message in self._sent:
            assert "error" not in message, message
            assert message.get("method") not in ("window/logMessage", "window/showMessage"), message

    def _position(self, offset: int) -> dict[str, int]:
        return Positions(self._text).at(offset)._asdict()

    def _range(self, start: int, end: int) -> dict[str, dict[str, int]]:
        return {"start": self._position(start), "end": self._position(end)}


def _key(place: dict[str, int]) -> tuple[int, int]:
    return place["line"], place["character"]
