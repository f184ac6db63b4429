"""What a server offers, how it is started, and what it is not."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from lsprotocol import types

from tests.editor.client import Editor

FORMATTER = """\
import sys, types
stand_in = types.ModuleType("richc.syntax.formatter")
stand_in.format_text = lambda text: "\\n".join(" ".join(l.split()) for l in text.split("\\n"))
sys.modules["richc.syntax.formatter"] = stand_in
from richc.editor.server import run
run()
"""


def test_what_it_offers(editor: Editor) -> None:
    offered = editor.server

    assert isinstance(offered.text_document_sync, types.TextDocumentSyncOptions)
    assert types.TextDocumentSyncKind.Incremental == offered.text_document_sync.change
    assert offered.text_document_sync.open_close
    assert types.PositionEncodingKind.Utf16 == offered.position_encoding
    assert isinstance(offered.code_action_provider, types.CodeActionOptions)
    assert offered.code_action_provider.resolve_provider
    kinds = ["quickfix", "source.fixAll.richc", "source.fillHoles.richc"]
    assert kinds == [*(offered.code_action_provider.code_action_kinds or ())]
    for provider in (
        offered.completion_provider,
        offered.definition_provider,
        offered.document_symbol_provider,
        offered.hover_provider,
        offered.inlay_hint_provider,
    ):
        assert provider
    is_there = importlib.util.find_spec("richc.syntax.formatter") is not None
    assert is_there == bool(offered.document_formatting_provider)


def test_formatting(tmp_path: Path) -> None:
    script = tmp_path / "server.py"
    script.write_text(FORMATTER, encoding="utf-8")
    editor = Editor(arguments=[str(script)])
    text = editor.open("model  a   {\n loss   mse # 😀\n}", "file:///spaces.rich")

    assert editor.server.document_formatting_provider
    assert "model a {\nloss mse # 😀\n}" == text.format()
    text.close()
    assert text.text == text.format()  # of a text that is not open
    assert 0 == editor.close()


def test_without_pygls(tmp_path: Path) -> None:
    """One line on how to get it; nothing on standard output, where an editor listens."""
    script = (
        "import importlib.util, sys\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *a: None if name == 'pygls' else find(name, *a)\n"
        "sys.argv = ['richc', 'lsp']\n"
        "from richc.__main__ import main\n"
        "main()\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert (2, "") == (run.returncode, run.stdout)
    assert 'pip install "richc[lsp]"' in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    "arguments", [["--help"], ["lsp", "--help"], ["rules"], ["check", "a.rich"]]
)
def test_other_commands_import_nothing_of_it(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.rich").write_text("model a { lr = }", encoding="utf-8")
    output = tmp_path / "modules.json"
    script = (
        "import atexit, json, sys\n"
        f"sys.argv = ['richc', *{arguments!r}]\n"
        f"atexit.register(lambda: open({str(output)!r}, 'w').write(json.dumps([*sys.modules])))\n"
        "from richc.__main__ import main\n"
        "main()\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, timeout=120)

    loaded = json.loads(output.read_text(encoding="utf-8"))

    tops = {name.partition(".")[0] for name in loaded}
    assert not tops & {"pygls", "lsprotocol", "cattrs", "asyncio"}
    assert not [name for name in loaded if name.startswith("richc.editor")]


def test_server_is_the_only_one_to_import_pygls(root: Path) -> None:
    """Answers can be tested, and used elsewhere, without it."""
    files = (root / "richc").rglob("*.py")
    users = {
        path.name
        for path in files
        if "import pygls" in (text := path.read_text(encoding="utf-8"))
        or "from pygls" in text
        or "from lsprotocol" in text
    }

    assert {"protocol.py", "server.py"} == users


def test_end_of_input() -> None:
    """An editor that dies takes its server with it."""
    run = subprocess.run(
        [sys.executable, "-m", "richc", "lsp"], input=b"", capture_output=True, timeout=60
    )

    assert (0, b"", b"") == (run.returncode, run.stdout, run.stderr)
