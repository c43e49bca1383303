"""Compare a pipeline's document scores with a constant: mean and median of the training data.

python scripts/experiment_score.py PIPELINE TRAIN.spacy TEST.spacy
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import spacy
import typer
from spacy.tokens import Doc
from spacy.training import Corpus

from xinzhi.components.score_scorer import measure
from xinzhi.components.score_values import GOLD_KEY


def gold_values(docs: list[Doc], name: str) -> list[float]:
    """RETURNS (list): The gold values of one score, where they are annotated."""
    scores = [doc.user_data.get(GOLD_KEY, {}) for doc in docs]
    return [values[name] for values in scores if name in values]


def main(
    pipeline: Annotated[str, typer.Argument()],
    train: Annotated[Path, typer.Argument(exists=True)],
    test: Annotated[Path, typer.Argument(exists=True)],
) -> None:
    """Print MAE, RMSE, Spearman and R² of each score, and those of the constants."""
    nlp = spacy.load(pipeline)
    seen = [example.reference for example in Corpus(train)(nlp)]
    examples = list(Corpus(test)(nlp))
    scores = nlp.evaluate(examples)["score_values"]
    for name, measured in scores.items():
        gold = gold_values([example.reference for example in examples], name)
        rows = {"pipeline": measured}
        for constant in (np.mean, np.median):
            guess = float(constant(gold_values(seen, name)))
            rows[constant.__name__] = measure(np.array([[value, guess] for value in gold]))
        for label, row in rows.items():
            numbers = ", ".join(
                f"{key} {'-' if row[key] is None else format(row[key], '.4f')}"
                for key in ("mae", "rmse", "spearman", "r2")
            )
            typer.echo(f"{name}, {label}: {numbers} (n = {row['n']})")


if __name__ == "__main__":
    typer.run(main)
