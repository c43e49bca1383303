"""The best config of a search against the default, over several seeds: progress or luck?"""

from __future__ import annotations

from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
from scipy.stats import t, ttest_ind

from ..repeats import train_repeats

FOLDER = "compare"
CONFIDENCE = 0.95


def compare_configs(
    default: Path, best: Path, output: Path, repeats: int, gpu_id: int, searched: float
) -> dict[str, Any]:
    """Train both configs with the same new seeds, and say what the difference is worth.

    default, best (Path): The configs.
    output (Path): The folder of the search; what has been trained there is not trained again.
    repeats (int): Trainings of each.
    gpu_id (int): The number of the GPU, -1 for the CPU.
    searched (float): The score that the search has seen for the best config.
    RETURNS (dict): "default" and "best" (see `repeats.summarise`), and what `judge` returns.
    """
    seed = _seed(default)
    found = {}
    for name, config in (("default", default), ("best", best)):
        folder = output / FOLDER / name
        found[name] = train_repeats(
            config, folder, repeats, gpu_id, resume=True, first_seed=seed + 1, ignore_lint=True
        )
    scores = {name: [run["score"] for run in item["runs"]] for name, item in found.items()}
    return {**found, **judge(scores["default"], scores["best"], searched)}


def judge(default: list[float], best: list[float], searched: float) -> dict[str, Any]:
    """Compare two samples of scores by Welch's t-test (unequal variances).

    default, best (list): Scores over seeds.
    searched (float): The score that the search has seen for the best config.
    RETURNS (dict): "difference" of the means; "interval" (95 %; None from a single seed);
        "better" (bool): whether it lies above 0; "expected": between which scores a further
        training of the best config would be (95 % prediction interval; None from a single seed);
        "retrained_within" (bool): whether the searched score is; "verdict".
    """
    difference = mean(best) - mean(default)
    interval = _interval(default, best)
    better = interval is not None and interval[0] > 0
    expected = _expected(best)
    low, high = expected or (searched, searched)
    within = low <= searched <= high
    values = {"default": default, "best": best}
    return {
        "difference": difference,
        "interval": interval,
        "better": better,
        "expected": expected,
        "searched": searched,
        "retrained_within": within,
        "verdict": _verdict(values, difference, interval, better, searched, expected),
    }


def _interval(default: list[float], best: list[float]) -> tuple[float, float] | None:
    if len(best) < 2 or len(default) < 2:
        return None
    if np.ptp(best) == 0 and np.ptp(default) == 0:  # no spread, no t-test
        difference = best[0] - default[0]
        return difference, difference
    interval = ttest_ind(best, default, equal_var=False).confidence_interval(CONFIDENCE)
    return float(interval.low), float(interval.high)


def _expected(scores: list[float]) -> tuple[float, float] | None:
    """RETURNS (tuple): The 95 % prediction interval of one more score, by Student's t; None from a
    single one."""
    if len(scores) < 2:
        return None
    quantile = float(t.ppf((1 + CONFIDENCE) / 2, len(scores) - 1))
    reach = quantile * stdev(scores) * sqrt(1 + 1 / len(scores))
    slack = reach + 1e-9  # scores without spread are equal but for rounding
    return mean(scores) - slack, mean(scores) + slack


def _verdict(
    values: dict[str, list[float]],
    difference: float,
    interval: tuple[float, float] | None,
    better: bool,
    searched: float,
    expected: tuple[float, float] | None,
) -> str:
    both = " against ".join(
        f"{mean(values[name]):.4f} of the {name} config" for name in ("best", "default")
    )
    said = f"Over {len(values['best'])} new seeds each: {both}, a difference of {difference:+.4f}"
    if interval is None or expected is None:
        return f"{said}. One seed says nothing about luck: use more repeats."
    said += f" (95 % interval {interval[0]:+.4f} to {interval[1]:+.4f})."
    if better:
        said += " The best config is better than the default."
    else:
        said += " No proven progress: the interval includes 0. More repeats would narrow it."
    low, high = expected
    where = "within" if low <= searched <= high else "outside"
    said += (
        f" The search had seen {searched:.4f}, {where} what another seed of the best config may "
        f"give ({low:.4f} to {high:.4f})."
    )
    if searched > max(values["best"]):
        said += f" It was chosen for a lucky seed too: expect {mean(values['best']):.4f}."
    return said


def _seed(config_path: Path) -> int:
    from ..train import load_config

    return int(load_config(config_path, {}).interpolate()["training"].get("seed") or 0)
