# ruff: noqa: T201 - a script that reports
"""How long an editor waits for the diagnostics of a 200-line file after one key press.

``python tests/benchmarks/lsp_latency.py [--runs N] [--pause SECONDS]`` starts `richc lsp`, opens
files of 200 lines, and types into each: a digit of a number in the middle is changed, and the time
until the diagnostics of that version have arrived is taken, the client's own work included.
Between key presses is a pause, as when a person types; without one a check rests for as
long as the one before took, which the last line shows.  The limit is 30 ms for the medians.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time

from lsprotocol import types
from pygls.lsp.client import LanguageClient

LIMIT = 0.030
LINES = 200

_MODEL = """\
# A network of the kind that the examples show: everything written out, with its reasons.
model net{i} {{
  width    n = 1024, base n0 = 64        # tuned at 64
  richness r = 1/2

  input 64                               # 8 x 8 pixels
  embed: dense -> n   {{ var = 1 / fan_in,             lr = alpha^2 }}
  relu
  body[2]: dense -> n {{ var = 2 / fan_in,             lr = alpha^2 * n0 / n }}
  relu
  wide: dense -> 4*n  {{ var = 2 / fan_in,             lr = alpha^2 * n0 / n }}
  relu
  back: dense -> n    {{ var = 2 / fan_in,             lr = alpha^2 * n0 / n }}
  relu
  head:  dense -> 10  {{ var = 1 / (alpha^2 * fan_in), lr = n0 / n }}

  optimizer sgd {{ lr = 0.1, momentum = 0.9 }}
  loss cross_entropy
  train {{ steps = 1000, batch = 128, precision = bf16 }}

  require mup
}}

"""


def deep(rate: str = "alpha^2 / fan_in") -> str:
    """One model that fills the file: a layer on every second line."""
    lines = ["model deep {", "  width n = 1024", "  richness r = 1/2", "  input 64"]
    for index in range((LINES - 8) // 2):
        lines += [f"  h{index}: dense -> n {{ var = 2 / fan_in, lr = {rate} }}", "  relu"]
    lines += ["  out: dense -> 10 { var = 1 / (alpha^2 * fan_in), lr = 1 / fan_in }"]
    lines += ["  optimizer sgd { lr = 0.1 }", "  loss cross_entropy", "}"]
    return "\n".join([*lines, ""])


def texts() -> dict[str, str]:
    several = "".join(_MODEL.format(i=i) for i in range(8))
    several += "# end\n" * (LINES - several.count("\n"))
    middle = LINES // 4
    one_fault = deep().replace(
        f"h{middle}: dense -> n {{ var = 2 / fan_in, lr = alpha^2",
        f"h{middle}: dense -> n {{ var = 2 / fan_in, lr = n * alpha^2",
    )
    return {
        "8 models": several,
        "8 models, each with an error": several.replace("lr = n0 / n }", "lr = n0 / n^2 }"),
        "97 layers": deep(),
        "97 layers, one of them wrong": one_fault,
        "97 layers, half-typed": deep().replace(f"h{middle}: dense", f"h{middle}: den"),
    }


async def measure(
    client: LanguageClient, arrived: asyncio.Queue[int | None], text: str, runs: int, pause: float
) -> list[float]:
    """Seconds from a key press to its diagnostics."""
    uri = "file:///bench.rich"
    client.text_document_did_open(
        types.DidOpenTextDocumentParams(types.TextDocumentItem(uri, "rich", 0, text))
    )
    await arrived.get()
    lines = text.split("\n")
    line = next(i for i in range(LINES // 3, LINES) if "var = 2" in lines[i])
    column = lines[line].index("var = 2") + 6
    place = types.Range(types.Position(line, column), types.Position(line, column + 1))
    seconds = []
    for version in range(1, runs + 1):
        await asyncio.sleep(pause)
        change = types.TextDocumentContentChangePartial(place, str(1 + version % 2))
        name = types.VersionedTextDocumentIdentifier(uri=uri, version=version)
        start = time.perf_counter()
        client.text_document_did_change(types.DidChangeTextDocumentParams(name, [change]))
        assert await arrived.get() == version
        seconds.append(time.perf_counter() - start)
    client.text_document_did_close(
        types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri))
    )
    await arrived.get()
    return seconds[2:]


def report(name: str, seconds: list[float]) -> float:
    median = statistics.median(seconds)
    low, *_, high = statistics.quantiles(seconds, n=20)
    print(
        f"{name:<36} median {median * 1e3:6.1f} ms   5 to 95 % {low * 1e3:5.1f} to "
        f"{high * 1e3:5.1f} ms   {len(seconds)} key presses"
    )
    return median


async def run(runs: int, pause: float) -> bool:
    client = LanguageClient("benchmark", "1")
    arrived: asyncio.Queue[int | None] = asyncio.Queue()

    def published(params: types.PublishDiagnosticsParams) -> None:
        arrived.put_nowait(params.version)

    client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(published)
    await client.start_io(sys.executable, "-m", "richc", "lsp")
    await client.initialize_async(types.InitializeParams(capabilities=types.ClientCapabilities()))
    client.initialized(types.InitializedParams())
    fine = True
    for name, text in texts().items():
        assert text.count("\n") == LINES, text.count("\n")
        fine &= report(name, await measure(client, arrived, text, runs, pause)) < LIMIT
    report("97 layers, without pauses", await measure(client, arrived, deep(), runs, 0))
    await client.shutdown_async(None)
    client.exit(None)
    return fine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--pause", type=float, default=0.08)
    arguments = parser.parse_args()
    fine = asyncio.run(run(arguments.runs, arguments.pause))
    print(f"limit {LIMIT * 1e3:.0f} ms: {'kept' if fine else 'NOT KEPT'}")
    sys.exit(not fine)


if __name__ == "__main__":
    main()
