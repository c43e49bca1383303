"""How far the confidences of entities can be relied on after each method of calibration.

python scripts/compare_calibration.py PIPELINE DEV TEST

Fitted on DEV, measured on TEST: documents that neither training nor the fit has seen.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.console import Console
from rich.table import Table

from xinzhi.evaluation.calibration import calibratable, collect
from xinzhi.evaluation.calibration_entities import EntityData, calibrate_entities, calibrated
from xinzhi.evaluation.calibration_options import METHODS, Options
from xinzhi.evaluation.confidence import confidence_scores
from xinzhi.evaluation.evaluate import load_pipeline, read_examples
from xinzhi.evaluation.output import number

COLUMNS = ("ece", "ece_by_chance", "auc", "log_loss")


def compare(pipe: Any, dev: EntityData, test: EntityData) -> dict[str, dict[str, Any]]:
    """RETURNS (dict): Method -> the confidence scores of the test entities."""
    fits: dict[str, dict[str, float]] = {"none": {}}
    for method in METHODS:
        fits[method] = calibrate_entities(pipe, dev, Options(method=method))["fitted"]
    outcomes = {name: calibrated(test, pipe.labels, fit) for name, fit in fits.items()}
    return {name: confidence_scores(o.confidence, o.correct) for name, o in outcomes.items()}


def main(
    pipeline: Annotated[str, typer.Argument(help="Folder of a trained pipeline")],
    dev: Annotated[Path, typer.Argument(help="Documents to fit to")],
    test: Annotated[Path, typer.Argument(help="Documents to measure on")],
) -> None:
    """Calibrate with each method and print the scores on the test documents."""
    nlp = load_pipeline(pipeline)
    names = calibratable(nlp)
    dev_data, test_data = (collect(nlp, read_examples(nlp, path), names) for path in (dev, test))
    for name in names:
        if not isinstance(dev_data[name], EntityData):
            continue
        data = [cast(EntityData, found[name]) for found in (dev_data, test_data)]
        table = Table(name, *COLUMNS, "n")
        for method, scores in compare(nlp.get_pipe(name), *data).items():
            table.add_row(method, *(number(scores[key]) for key in COLUMNS), str(scores["n"]))
        Console().print(table)


if __name__ == "__main__":
    typer.run(main)
