"""``richc schema``: the JSON schemas of what richc prints."""

from __future__ import annotations

import click

#: What is printed -> the module in richc.report and the model that is of all of it.
_SCHEMAS = {
    "audit": ("audit_schema", "AuditReport"),
    "depth-scale": ("depth_scale_schema", "DepthScaleReport"),
    "equivalence": ("equivalence_schema", "Equivalence"),
    "map": ("map_schema", "Map"),
    "report": ("schema", "Report"),
    "rules": ("rules_schema", "RuleList"),
    "scale": ("scale_schema", "ScaleReport"),
    "spec": ("spec_schema", "SpecFile"),
    "transfer": ("transfer_schema", "TransferReport"),
    "verification": ("verification_schema", "VerificationReport"),
}


@click.command("schema", short_help="Print a JSON schema.")
@click.argument("what", type=click.Choice(tuple(_SCHEMAS)))
def command(what: str) -> None:
    """Print a JSON schema: of the check's report, a verification, a run over the richness scale or
    over depths, a sweep over widths, a comparison of two models, a map, an audit of PyTorch code,
    the list of rules, or a resolved specification.
    """
    import json
    from importlib import import_module

    module, name = _SCHEMAS[what]
    model = getattr(import_module(f"richc.report.{module}"), name)
    click.echo(json.dumps(model.model_json_schema(), indent=2))
