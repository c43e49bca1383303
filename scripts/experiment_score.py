"""Compare a pipeline's document scores with a constant: mean and median of the training data.

python scripts/experiment_score.py PIPELINE TRAIN.spacy TEST.spacy [--dev DEV.spacy]

With DEV also the scores with a dead zone: values near the median of the training data become the
median. How near is chosen on DEV, by MAE.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import spacy
import typer
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example

from xinzhi.components.score_scorer import measure, value_pairs
from xinzhi.components.score_values import GOLD_KEY

STEPS = 41  # distances of a dead zone that are tried


def gold_values(docs: list[Doc], name: str) -> list[float]:
    """RETURNS (list): The gold values of one score, where they are annotated."""
    scores = [doc.user_data.get(GOLD_KEY, {}) for doc in docs]
    return [values[name] for values in scores if name in values]


def predicted_pairs(nlp: Language, path: Path) -> dict[str, np.ndarray]:
    """RETURNS (dict): Gold and predicted values of each score, shape (documents, 2)."""
    examples = list(Corpus(path)(nlp))
    docs = nlp.pipe(example.predicted for example in examples)
    scored = [Example(doc, eg.reference) for doc, eg in zip(docs, examples, strict=True)]
    return {name: np.array(pairs) for name, pairs in value_pairs(scored).items() if pairs}


def with_dead_zone(pairs: np.ndarray, middle: float, distance: float) -> np.ndarray:
    """RETURNS (ndarray): The pairs; predicted values so near the middle are the middle."""
    gold, guess = pairs.T
    return np.stack([gold, np.where(np.abs(guess - middle) <= distance, middle, guess)], axis=1)


def best_distance(pairs: np.ndarray, middle: float) -> float:
    """RETURNS (float): The distance of a dead zone with the smallest MAE."""
    distances = np.linspace(0, np.abs(pairs[:, 1] - middle).max(), STEPS)
    errors = [np.abs(np.subtract(*with_dead_zone(pairs, middle, d).T)).mean() for d in distances]
    return float(distances[int(np.argmin(errors))])


def show(label: str, pairs: np.ndarray) -> None:
    """Print the scores of one way to predict."""
    row = measure(pairs)
    numbers = ", ".join(
        f"{key} {'-' if row[key] is None else format(row[key], '.4f')}"
        for key in ("mae", "rmse", "spearman", "r2")
    )
    typer.echo(f"{label}: {numbers} (n = {row['n']})")


def main(
    pipeline: Annotated[str, typer.Argument()],
    train: Annotated[Path, typer.Argument(exists=True)],
    test: Annotated[Path, typer.Argument(exists=True)],
    dev: Annotated[Path | None, typer.Option(exists=True)] = None,
) -> None:
    """Print MAE, RMSE, Spearman and R² of each score, and those of the constants."""
    nlp = spacy.load(pipeline)
    seen = [example.reference for example in Corpus(train)(nlp)]
    fitting = predicted_pairs(nlp, dev) if dev is not None else {}
    for name, pairs in predicted_pairs(nlp, test).items():
        show(f"{name}, pipeline", pairs)
        known = gold_values(seen, name)
        for constant in (np.mean, np.median):
            guess = np.full(len(pairs), float(constant(known)))
            show(f"{name}, {constant.__name__}", np.stack([pairs[:, 0], guess], axis=1))
        if name in fitting:
            middle = float(np.median(known))
            distance = best_distance(fitting[name], middle)
            zone = with_dead_zone(pairs, middle, distance)
            show(f"{name}, pipeline with {middle:g} where it is {distance:.2f} near", zone)


if __name__ == "__main__":
    typer.run(main)
