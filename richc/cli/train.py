"""``richc train``: compile into a cache, and run the program."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import click

from richc.cli.choosing import declared_and_judged, model_option
from richc.cli.common_options import data_option, quiet_option, target_option
from richc.cli.compile import program_with, wishes
from richc.cli.completing import rich_files
from richc.cli.errors import no_such_option
from richc.cli.inputs import STDIN
from richc.cli.outputs import Output, keep_apart
from richc.diagnostics import RichError
from richc.syntax.source import printable

if TYPE_CHECKING:
    from richc.spec.model import Model

_POSITIVE = click.IntRange(min=1)
#: What a program takes in place of what its file declares, and of what its file says of training.
_DECLARED = ("width", "depth", "richness", "gamma")
_SAID = ("lr", "steps", "epochs", "batch", "data", "save", "checkpoint")


@click.command("train", short_help="Compile a .rich file and train it.")
@click.argument("file", type=click.Path(), shell_complete=rich_files)
@model_option
@click.option(
    "--allow-violations", is_flag=True, help="Train a model that fails its check all the same."
)
@data_option("what FILE says")
@target_option
@click.option("--ignore", metavar="NAMES", help="Columns to leave out, with commas between.")
@click.option(
    "--missing",
    type=click.Choice(["error", "drop"]),
    help="Rows with missing values.",
    show_default="error",
)
@click.option("--width", type=_POSITIVE, help="The width n.", show_default="FILE's")
@click.option(
    "--depth", type=_POSITIVE, help="The depth L, of a FILE that has one.", show_default="FILE's"
)
@click.option(
    "--richness", metavar="R", help="The exponent r, as 0.25 or 1/4.", show_default="FILE's"
)
@click.option("--gamma", type=float, help="The prefactor of alpha.", show_default="FILE's, else 1")
@click.option("--steps", type=_POSITIVE, help="Training steps.", show_default="FILE's, else 1000")
@click.option("--epochs", type=_POSITIVE, help="Passes over the training rows, for --steps.")
@click.option("--batch", type=_POSITIVE, help="Rows a step.", show_default="FILE's, else 128")
@click.option(
    "--lr",
    type=float,
    help="The learning rate; where there are several optimizers the first's, and the others keep "
    "their ratio to it.",
    show_default="FILE's",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    help="Of init, split and order of the data.",
    show_default="FILE's, else 0",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    help="Where to train.",
    show_default="auto",
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "bf16", "fp16"]),
    help="Of matrix products.",
    show_default="FILE's, else fp32",
)
@click.option(
    "--schedule",
    type=click.Choice(["constant", "cosine", "linear"]),
    help="Of all rates alike.",
    show_default="FILE's, else constant",
)
@click.option("--save", type=click.Path(), help="Write the weights, as .safetensors or .pt.")
@click.option(
    "--warmup",
    metavar="STEPS",
    help="Steps of warm-up, or a share of all below 1.",
    show_default="FILE's, else 0",
)
@wishes
@quiet_option
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(
    file: str,
    name: str | None,
    allow_violations: bool,
    features: tuple[str, ...],
    quiet: bool,
    arguments: tuple[str, ...],
    **options: str | float | None,
) -> None:
    """Train the model in FILE (- for standard input).

    What follows `--` goes to the program as it is: `--compile`,
    `--progress`, `--help`; options of a feature (`--log FILE`) bring it along.

    Checked are the width, the richness and the gamma that are trained at; what FILE requires is
    not asked of another richness than its own.

    What is trained, progress (with loss and accuracy on held-out data, of 4,096 rows at most) and
    what was saved are told on stderr. The one line on stdout has loss
    and accuracy (R^2 for mse) on training and held-out data.

    Exit codes: 0 trained, 1 the model has errors or diverged, 2 wrong usage or bad data.
    """
    from richc._version import __version__
    from richc.emit.features import needed
    from richc.emit.program import BATCH, STEPS
    from richc.lab.train import run_program
    from richc.report.training import after, before

    given = {**options, **_after_the_dashes(arguments)}
    chosen, judged = declared_and_judged(
        file, name, allow_violations=allow_violations, at=_other(given)
    )
    if given.get("epochs") is not None and given["steps"] is not None:
        raise RichError("--epochs and --steps: how long is one of the two")
    if options["depth"] is not None and chosen.spec.depth is None:
        raise RichError(f"{file} declares no depth (--depth)")
    data = chosen.spec.train.data
    if options["data"] is None and data is not None:
        # The program runs from a cache; the path is relative to the file.
        folder = Path() if file == STDIN else Path(file).parent
        options["data"] = str((folder / data).absolute())
    keep_apart(_outputs(options["save"], arguments), [file, _path(options["data"])])
    if options["device"] == "auto":
        options["device"] = None  # what the program picks itself
    # `--name=value`: a value may begin with a dash.
    passed = [f"--{key}={value}" for key, value in options.items() if value is not None]
    passed += ["--quiet"] if quiet else []
    tells = not quiet and not {"-h", "--help", "--quiet"}.intersection(arguments)
    text = program_with(chosen, ["options", *features, *needed(arguments)])
    _refuse_unknown(arguments, text)
    if tells:
        _tell(before(judged, given, STEPS, BATCH))
    code = run_program(
        text,
        chosen.spec.name,
        [*passed, *arguments],
        richc_version=__version__,
    )
    if tells and not code:
        _tell(after(judged, file, given))
    raise SystemExit(code)


def _tell(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(printable(line), err=True)


def _refuse_unknown(arguments: Sequence[str], text: str) -> None:
    """Raises RichError for an option that neither the program nor a feature has.

    The program takes options that are cut short.
    """
    from richc.emit.features import FEATURES

    known = ["--help", *re.findall(r'\badd\("(--[a-z0-9-]+)"', text)]
    known += [name for feature in FEATURES.values() for name in feature.options]
    for argument in arguments:
        option = argument.partition("=")[0]
        if option.startswith("--") and not any(name.startswith(option) for name in known):
            raise RichError(no_such_option(option, known, "richc train FILE -- --help"))


#: Options of the program that name a file which it writes.
_WRITING = ("--log", "--save")


def _outputs(save: str | float | None, arguments: Sequence[str]) -> Iterator[Output]:
    yield "--save", _path(save)
    for option, value in _given(arguments):
        if option in _WRITING and value:
            yield option, value


def _path(option: str | float | None) -> str | None:
    return None if option is None else str(option)


def _given(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The program's own options, each with its value, or with what follows it."""
    for argument, following in zip(arguments, (*arguments[1:], ""), strict=False):
        option, has_value, value = argument.partition("=")
        yield option, value if has_value else following


def _after_the_dashes(arguments: Sequence[str]) -> dict[str, str]:
    """What is declared anew among the program's own arguments, which may be cut short."""
    found: dict[str, str] = {}
    for option, value in _given(arguments):
        for name in (*_DECLARED, *_SAID):
            if len(option) > len("--w") and f"--{name}".startswith(option):
                found[name] = value
        if option.endswith("-lr"):  # of one among several optimizers
            found[option.strip("-").replace("-", "_")] = value
    return found


def _other(options: Mapping[str, str | float | None]) -> Callable[[Model], Model] | None:
    """How a model differs that is trained with these options; None where it does not.

    What cannot be read, and what the model has no use for, the program refuses.
    """
    try:
        width, depth, richness, gamma = (_number(options.get(name)) for name in _DECLARED)
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    if width is depth is richness is gamma is None:
        return None

    def other(model: Model) -> Model:
        if width:
            model = model._replace(width=int(width))
        if depth and model.depth is not None:
            model = model._replace(depth=model.depth._replace(value=int(depth)))
        if gamma and gamma > 0:
            model = model._replace(gamma=gamma)
        # An interval is judged as a whole, and the program refuses what lies outside of it.
        if richness is None or model.richness in (None, richness) or model.interval is not None:
            return model
        return model._replace(richness=richness, requirements=())

    return other


def _number(value: str | float | None) -> Fraction | None:
    """A number or a ratio of two, as the program reads them."""
    if value is None:
        return None
    over, _, under = str(value).partition("/")
    return Fraction(repr(float(over))) / Fraction(repr(float(under or 1)))
