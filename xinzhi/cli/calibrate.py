"""xinzhi calibrate"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import XinzhiError
from ._app import app


@app.command("calibrate")
def calibrate_cli(
    pipeline: Annotated[str, typer.Argument(help="Folder of a trained pipeline")],
    dev: Annotated[
        Path | None, typer.Argument(help="Dev data: a .spacy file, or a folder of them")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write; in place if not given")
    ] = None,
    method: Annotated[
        str, typer.Option(help="For entities: temperature, platt (slope and offset), or both")
    ] = "both",
    thresholds: Annotated[
        bool, typer.Option("--thresholds", help="Also choose a threshold per label")
    ] = False,
    reject: Annotated[
        float | None, typer.Option(help="Abstain on this share of the dev documents, e.g. 0.05")
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Remove the calibration again")] = False,
    report: Annotated[Path | None, typer.Option(help="JSON file for what was fitted")] = None,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU number, -1: CPU")] = -1,
) -> None:
    """Make confidences match how often the pipeline is right on dev data."""
    from ..evaluation.calibration import calibrate_pipeline, reset_pipeline
    from ..evaluation.calibration_options import Options
    from ..files import write_json

    if reset:
        names = reset_pipeline(pipeline, output=output)
        typer.echo(f"✔ Calibration removed: {', '.join(names) or 'there was none'}")
        return
    if dev is None:
        raise XinzhiError(
            "No dev data is given.", "Run: xinzhi calibrate PIPELINE DEV (or --reset)"
        )
    options = Options(method=method, thresholds=thresholds, reject=reject)
    result = calibrate_pipeline(pipeline, dev, output=output, options=options, gpu_id=gpu_id)
    if not result:
        typer.echo("No component can be calibrated (spaCy's own have no confidence): copied.")
    for name, entry in result.items():
        _print_component(name, entry)
    if report is not None:
        write_json(report, result, sort_keys=True)
    typer.echo(f"✔ {output or pipeline}")


def _print_component(name: str, entry: dict[str, Any]) -> None:
    """One line per tagger, or per head of a classifier."""
    rows = {name: entry} if "fitted" in entry else {f"{name}/{h}": e for h, e in entry.items()}
    for row, values in rows.items():
        if values["before"] is None:
            typer.echo(f"{row}: nothing annotated in the dev data, or nothing found; not fitted")
            continue
        before, after = values["before"], values["after"]
        fitted = ", ".join(
            f"{key} {value:.3f}" for key, value in values["fitted"].items() if key != "thresholds"
        )
        typer.echo(
            f"{row}: ECE {before['ece']:.4f} → {after['ece']:.4f} "
            f"({after['bins']} bins, n = {after['n']}); {fitted}"
        )
