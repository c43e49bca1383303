"""The best config of a search against the default, over several seeds: progress or luck?"""

from __future__ import annotations

from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
from scipy.stats import ttest_ind

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
        "better" (bool): whether it lies above 0; "retrained_within" (bool): whether the searched
        score is within two standard deviations, or the range, of the retrained ones; "verdict".
    """
    difference = mean(best) - mean(default)
    interval = _interval(default, best)
    better = interval is not None and interval[0] > 0
    sd = stdev(best) if len(best) > 1 else 0.0
    low, high = min(min(best), mean(best) - 2 * sd), max(max(best), mean(best) + 2 * sd)
    within = low <= searched <= high
    values = {"default": default, "best": best}
    return {
        "difference": difference,
        "interval": interval,
        "better": better,
        "searched": searched,
        "retrained_within": within,
        "verdict": _verdict(values, difference, interval, better, searched, within),
    }


def _interval(default: list[float], best: list[float]) -> tuple[float, float] | None:
    if len(best) < 2 or len(default) < 2:
        return None
    if np.ptp(best) == 0 and np.ptp(default) == 0:  # no spread, no t-test
        difference = best[0] - default[0]
        return difference, difference
    interval = ttest_ind(best, default, equal_var=False).confidence_interval(CONFIDENCE)
    return float(interval.low), float(interval.high)


def _verdict(
    values: dict[str, list[float]],
    difference: float,
    interval: tuple[float, float] | None,
    better: bool,
    searched: float,
    within: bool,
) -> str:
    both = " against ".join(
        f"{mean(values[name]):.4f} of the {name} config" for name in ("best", "default")
    )
    said = f"Over {len(values['best'])} new seeds each: {both}, a difference of {difference:+.4f}"
    if interval is None:
        return f"{said}. One seed says nothing about luck: use more repeats."
    said += f" (95 % interval {interval[0]:+.4f} to {interval[1]:+.4f})."
    if better:
        said += " The best config is better than the default."
    else:
        said += " No proven progress: the interval includes 0. More repeats would narrow it."
    if within:
        return f"{said} The search had seen {searched:.4f}, within the spread of the new ones."
    return (
        f"{said} The search had seen {searched:.4f}, outside the spread of the new ones: expect "
        f"{mean(values['best']):.4f}."
    )


def _seed(config_path: Path) -> int:
    from ..train import load_config

    return int(load_config(config_path, {}).interpolate()["training"].get("seed") or 0)
