"""``richc schema``: the JSON schemas of what richc prints."""

from __future__ import annotations

import click


@click.command("schema", short_help="Print a JSON schema.")
@click.argument(
    "what",
    type=click.Choice(
        (
            "audit",
            "depth-scale",
            "equivalence",
            "map",
            "report",
            "rules",
            "scale",
            "spec",
            "transfer",
            "verification",
        )
    ),
)
def command(what: str) -> None:
    """Print a JSON schema: of the check's report, a verification, a run over the richness scale or
    over depths, a sweep over widths, a comparison of two models, a map, an audit of PyTorch code,
    the list of rules, or a resolved specification.
    """
    import json

    if what == "report":
        from richc.report.schema import Report

        schema = Report.model_json_schema()
    elif what == "audit":
        from richc.report.audit_schema import AuditReport

        schema = AuditReport.model_json_schema()
    elif what == "depth-scale":
        from richc.report.depth_scale_schema import DepthScaleReport

        schema = DepthScaleReport.model_json_schema()
    elif what == "rules":
        from richc.report.rules_schema import RuleList

        schema = RuleList.model_json_schema()
    elif what == "equivalence":
        from richc.report.equivalence_schema import Equivalence

        schema = Equivalence.model_json_schema()
    elif what == "map":
        from richc.report.map_schema import Map

        schema = Map.model_json_schema()
    elif what == "verification":
        from richc.report.verification_schema import VerificationReport

        schema = VerificationReport.model_json_schema()
    elif what == "scale":
        from richc.report.scale_schema import ScaleReport

        schema = ScaleReport.model_json_schema()
    elif what == "transfer":
        from richc.report.transfer_schema import TransferReport

        schema = TransferReport.model_json_schema()
    else:
        from richc.report.spec_schema import SpecFile

        schema = SpecFile.model_json_schema()
    click.echo(json.dumps(schema, indent=2))
