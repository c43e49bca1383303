"""What choosing would have gained: the learning curves of strategies on annotated texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from ..errors import XinzhiError
from .stored_heads import Corpus, Heads, load_encoder, read_corpus
from .strategies import STRATEGIES, Pool, choose
from .uncertainty import task_uncertainty

RANDOM = "random"
BATCH = 64
Curve = list[dict[str, float]]


def simulate(
    encoder: str | Path,
    pool: Path,
    test: Path,
    *,
    budgets: Sequence[int] = (50, 100, 200, 400),
    strategies: Sequence[str] = ("clusters", "uncertainty", "diversity"),
    seeds: int = 3,
    epochs: int = 15,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Play annotation: every strategy begins with the same random texts and chooses further ones
    with the heads trained on those it has.

    The encoder is not trained: it reads every text once. Use one that has not seen the annotation
    of the pool.

    encoder (str / Path): See `load_encoder`.
    pool (Path): Annotated texts to choose from, a .spacy file or a folder of them.
    test (Path): Annotated texts to score on.
    budgets (Sequence[int]): Numbers of texts at which heads are trained and scored, ascending.
    strategies (Sequence[str]): See `choose`; random choice is always one.
    seeds (int): How often, with other beginnings and weights.
    epochs (int): Passes over the chosen texts in each training.
    say (Callable): Told of the progress.
    RETURNS (dict): "curves" (strategy -> a list per seed -> a dict per budget: "texts",
        "characters", "score", and the score of each task), "area" (strategy -> the area under the
        curve of each seed), "summary" (strategy -> "mean", "sd", and against random "gain",
        "gain_sd", "wins"), "budgets", "seeds", "epochs", "texts" (of the pool).
    RAISES (XinzhiError): Something cannot be read, or the budgets do not fit.
    """
    names = list(dict.fromkeys([RANDOM, *strategies]))
    for name in names:
        if name not in STRATEGIES:
            choose(name, Pool(np.zeros((0, 1))), 0)
    nlp = load_encoder(encoder, pool)
    texts, tested = read_corpus(nlp, pool), read_corpus(nlp, test)
    _check_budgets(budgets, len(texts.gold))
    curves: dict[str, list[Curve]] = {name: [] for name in names}
    for seed in range(seeds):
        for name in names:
            curve = learning_curve(name, texts, tested, budgets, epochs, seed)
            curves[name].append(curve)
            say(f"seed {seed}, {name}: {', '.join(format(p['score'], '.4f') for p in curve)}")
    areas = {name: [area(curve) for curve in found] for name, found in curves.items()}
    return {
        "curves": curves,
        "area": areas,
        "summary": {name: summary(areas[name], areas[RANDOM]) for name in names},
        "budgets": list(budgets),
        "seeds": seeds,
        "epochs": epochs,
        "texts": len(texts.gold),
    }


def learning_curve(
    strategy: str, texts: Corpus, tested: Corpus, budgets: Sequence[int], epochs: int, seed: int
) -> Curve:
    """RETURNS (list): What the heads score at each budget."""
    chosen = choose(RANDOM, Pool(texts.vectors), budgets[0], seed)
    heads = Heads(texts.width, [*texts.gold, *tested.gold])
    curve: Curve = []
    for budget in budgets:
        if budget > len(chosen):
            chosen = chosen + _next(strategy, texts, chosen, heads, budget - len(chosen), seed)
        part = texts.part(chosen)
        heads.train(part, epochs, seed)
        scores = heads.score(tested)
        characters = sum(len(doc.text) for doc in part.gold)
        point = {"texts": len(chosen), "characters": characters, **scores}
        curve.append({**point, "score": float(np.mean(list(scores.values())))})
    return curve


def area(curve: Curve) -> float:
    """RETURNS (float): The area under a learning curve by the number of texts (trapezoids), divided
    by its width: the mean score."""
    x, y = (np.array([point[key] for point in curve]) for key in ("texts", "score"))
    return float(((y[1:] + y[:-1]) / 2 * np.diff(x)).sum() / (x[-1] - x[0]))


def summary(areas: Sequence[float], baseline: Sequence[float]) -> dict[str, float]:
    """Compare areas with those of random choice, seed by seed.

    RETURNS (dict): "mean" and "sd" of the areas, "gain" and "gain_sd" of the differences, "wins":
        with how many seeds the strategy is ahead.
    """
    gains = np.subtract(areas, baseline)
    return {
        "mean": float(np.mean(areas)),
        "sd": float(np.std(areas, ddof=1)),
        "gain": float(gains.mean()),
        "gain_sd": float(gains.std(ddof=1)),
        "wins": int((gains > 0).sum()),
    }


def print_simulation(result: dict[str, Any], console: Console) -> None:
    """Print mean scores by budget, and the areas under the curves."""
    budgets = [str(budget) for budget in result["budgets"]]
    title = f"{result['seeds']} seeds, pool of {result['texts']} texts"
    table = Table("strategy", *budgets, "area", "sd", "gain", "sd", "ahead", title=title)
    for name, row in result["summary"].items():
        means = np.mean([[p["score"] for p in curve] for curve in result["curves"][name]], axis=0)
        gains = (f"{row['gain']:+.4f}", f"{row['gain_sd']:.4f}", f"{row['wins']}/{result['seeds']}")
        shown = gains if name != RANDOM else ("", "", "")
        scores = [f"{mean:.4f}" for mean in means]
        table.add_row(name, *scores, f"{row['mean']:.4f}", f"{row['sd']:.4f}", *shown)
    console.print(table)


def _next(
    strategy: str, texts: Corpus, chosen: list[int], heads: Heads, size: int, seed: int
) -> list[int]:
    """RETURNS (list): Further texts."""
    taken = set(chosen)
    free = [row for row in range(len(texts.gold)) if row not in taken]
    rest = texts.part(free)
    pool = Pool(rest.vectors, done=texts.part(chosen).vectors)
    if strategy in ("clusters", "uncertainty"):
        pool.by_task = _uncertainty(heads, rest)
    return [free[row] for row in choose(strategy, pool, size, seed + len(chosen))]


def _uncertainty(heads: Heads, corpus: Corpus) -> dict[str, np.ndarray]:
    docs = corpus.documents()
    parts = [
        task_uncertainty(heads.pipes, docs[start : start + BATCH])
        for start in range(0, len(docs), BATCH)
    ]
    return {task: np.concatenate([part[task] for part in parts]) for task in parts[0]}


def _check_budgets(budgets: Sequence[int], texts: int) -> None:
    ascending = all(a < b for a, b in pairwise(budgets))
    if len(budgets) < 2 or not ascending or not 1 <= budgets[0] <= budgets[-1] <= texts:
        raise XinzhiError(
            f"The budgets {', '.join(map(str, budgets))} do not fit a pool of {texts} texts.",
            "Name two or more numbers, ascending, the last at most the size of the pool.",
        )
