"""How often does the monitor raise an alarm without a cause, and how large must a surge be?

python scripts/simulate_monitor.py --output metrics/monitor

Simulated streams of 30 days: 3 to 8 topics, 2 to 6 entities each, 10 to 300 posts a day; every
stream has its own hours, weekend and shares of negative posts; the rate of each topic varies from
day to day (Gamma, standard deviation 0 to 40 %), and three streams of ten have gaps: a day without
posts, or hours. In the power study one topic gets extra negative posts over 24 hours, from a random
hour between the 8th and the 28th day; four of five name one entity.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from xinzhi.apps.monitor.settings import DAY, AlarmSettings
from xinzhi.apps.monitor.surges import Counts, detect
from xinzhi.files import write_json

DAYS = 30
SIZES = (3, 5, 8, 12, 20, 40)  # extra posts of a surge
FACTORS = (1, 2, 4, 8)  # or so many times what the topic has in a day


def simulate(seed: int, extra: float = 0, factor: float = 0) -> tuple[Counts, int]:
    """Draw a stream.

    seed (int): Of its random numbers.
    extra (float): Extra negative posts of one topic on average; 0: no surge.
    factor (float): The same, as so many times the topic's negative posts of a day.
    RETURNS (tuple): The counts, and the hour in which the surge begins (-1: there is none).
    """
    rng = np.random.default_rng(seed)
    topics, hours = int(rng.integers(3, 9)), DAYS * DAY
    share = rng.dirichlet(np.full(topics, 3.0))
    daily = math.exp(rng.uniform(math.log(10), math.log(300)))
    rhythm = _rhythm(rng)
    varied = rng.uniform(0, 0.4) ** 2 + 1e-9
    swing = rng.gamma(1 / varied, varied, (topics, DAYS)).repeat(DAY, axis=1)
    mean = daily * share[:, None] * swing * rhythm
    negative = rng.uniform(0.1, 0.5, topics)[:, None]
    bad, rest = rng.poisson(mean * negative), rng.poisson(mean * (1 - negative))
    surge, begin = np.zeros(hours, dtype=int), -1
    if extra or factor:
        begin = int(rng.integers(8 * DAY, 27 * DAY))
        size = extra + factor * daily * share[0] * negative[0, 0]
        profile = rhythm[begin : begin + DAY]
        surge[begin : begin + DAY] = rng.poisson(size * profile / profile.sum())
    named, groups = _entities(rng, bad, surge)
    bad[0] += surge
    values = np.concatenate([bad.sum(0, keepdims=True), bad, named])
    kinds = np.array([0] + [1] * topics + groups)
    keep = _with_data(rng, hours)
    total = (bad + rest).sum(0) * keep
    return Counts((values * keep).astype(float), total.astype(float), kinds, 3), begin


def _rhythm(rng: np.random.Generator) -> np.ndarray:
    """RETURNS (ndarray): Share of a day's posts by hour, over the whole stream."""
    at = np.arange(DAY)
    peak, depth = rng.uniform(10, 21), rng.uniform(0.3, 0.98)
    hour = 1 + depth * np.cos((at - peak) / DAY * 2 * np.pi)
    weekend = rng.uniform(0.4, 1.2)
    day = np.where((np.arange(DAYS) + 3) % 7 >= 5, weekend, 1.0)
    return np.outer(day, hour / hour.sum()).ravel()


def _entities(rng: np.random.Generator, bad: np.ndarray, surge: np.ndarray) -> tuple[Any, Any]:
    """RETURNS (tuple): Counts of every entity, and of every entity within its topic."""
    rows = []
    for topic, counts in enumerate(bad):
        popular = rng.dirichlet(np.full(int(rng.integers(2, 7)), 0.7)) * 0.6
        rows += [rng.binomial(counts, p) for p in popular]
        if topic == 0:
            rows[-1] = rows[-1] + rng.binomial(surge, 0.8)
    return np.array(rows + rows), [2] * len(rows) + [3] * len(rows)


def _with_data(rng: np.random.Generator, hours: int) -> np.ndarray:
    """RETURNS (ndarray): 0 in the hours of a gap; most streams have none."""
    keep = np.ones(hours, dtype=int)
    if rng.random() < 0.3:
        first = int(rng.integers(5 * DAY, hours - DAY))
        first = first - first % DAY if rng.random() < 0.5 else first
        keep[first : first + int(rng.integers(6, DAY + 1))] = 0
    return keep


def interval(found: int, trials: int) -> list[float]:
    """RETURNS (list): Clopper and Pearson's interval of a share, 95 %."""
    from scipy import stats

    low, high = stats.binomtest(found, trials).proportion_ci(method="exact")
    return [round(float(low), 4), round(float(high), 4)]


def false_alarms(streams: int, settings: AlarmSettings) -> dict[str, Any]:
    """RETURNS (dict): On how many streams without a surge there is any alarm."""
    alarmed = [seed for seed in range(streams) if detect(simulate(seed)[0], settings).surges]
    share = len(alarmed) / streams
    return {
        "streams": streams,
        "with_alarm": len(alarmed),
        "share": share,
        "interval_95": interval(len(alarmed), streams),
        "seeds": alarmed,
    }


def power(streams: int, settings: AlarmSettings, **size: float) -> dict[str, Any]:
    """RETURNS (dict): How many surges of a size are found within a day, and after how long."""
    waits = []
    for seed in range(10**6, 10**6 + streams):
        counts, begin = simulate(seed, **size)
        hours = [s.hour + 1 - begin for s in detect(counts, settings).surges if s.hour >= begin]
        waits += [min(hours)] if hours and min(hours) <= DAY else []
    return {
        **size,
        "streams": streams,
        "found": len(waits),
        "share": len(waits) / streams,
        "interval_95": interval(len(waits), streams),
        "median_hours": float(np.median(waits)) if waits else None,
    }


def draw(results: dict[str, Any], path: Path) -> None:
    """Write the power curve as SVG."""
    from xinzhi.compat import require

    require("matplotlib", "'xinzhi[plots]'", "the figure").use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(8, 3.2), sharey=True)
    labels = {"extra": "extra posts in 24 hours", "factor": "extra posts, times a normal day"}
    for axis, (name, label) in zip(axes, labels.items(), strict=True):
        rows = [row for row in results["power"] if name in row]
        x, y = [row[name] for row in rows], [row["share"] for row in rows]
        low, high = np.array([row["interval_95"] for row in rows]).T
        axis.errorbar(x, y, yerr=[y - low, high - y], marker="o", capsize=3)
        axis.set(xlabel=label, ylim=(-0.02, 1.02), xscale="log", xticks=x)
        axis.set_xticklabels([str(value) for value in x])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("found within 24 hours")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main(
    output: Annotated[Path, typer.Option(help="Folder for simulation.json and power.svg")],
    streams: Annotated[int, typer.Option(help="Streams without a surge")] = 1000,
    surges: Annotated[int, typer.Option(help="Streams for each size of a surge")] = 200,
) -> None:
    """Simulate, print the results and write them."""
    settings = AlarmSettings()
    results: dict[str, Any] = {"false_alarms": false_alarms(streams, settings)}
    typer.echo(f"without a surge: {results['false_alarms']}")
    sizes: list[dict[str, float]] = [{"extra": size} for size in SIZES]
    sizes += [{"factor": factor} for factor in FACTORS]
    results["power"] = []
    for size in sizes:
        results["power"].append(power(surges, settings, **size))
        typer.echo(results["power"][-1])
    write_json(output / "simulation.json", results)
    draw(results, output / "power.svg")


if __name__ == "__main__":
    typer.run(main)
