"""Cold start, first prediction, peak memory, and size on disk."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from ...errors import XinzhiError
from ..contenders import CONTENDERS
from ..ratios import leaner, summarise
from ..session import Session
from ..settings import Paths
from ..turns import alternate
from ..worker import thread_limit

MODULE = __package__.rpartition(".")[0] + ".cold_start"


def measure_load(session: Session) -> dict[str, Any]:
    """Start every contender in a new process, in turns.

    RETURNS (dict): "contenders" (per contender "load_seconds", "first_prediction_ms",
        "peak_rss_mb", "size_mb"), "wheels_mb" (of the built packages) and "ratios".
    """
    rounds = session.settings.rounds
    texts = next(iter(session.texts.values()))[: session.settings.cold_documents]
    session.progress.plan(rounds * len(CONTENDERS))

    def turn(name: str) -> dict[str, float]:
        session.progress.step(f"cold start: {name}")
        return cold_start(name, session.paths, texts, session.settings.threads)

    runs = alternate(rounds, {name: partial(turn, name) for name in CONTENDERS})
    sizes = {name: folder_size(session.folder(name)) for name in CONTENDERS}
    return {
        "documents": len(texts),
        "contenders": {name: _row(runs[name], sizes[name]) for name in CONTENDERS},
        "wheels_mb": wheel_sizes(session.paths.wheels),
        "ratios": load_ratios(runs, sizes),
    }


def cold_start(name: str, paths: Paths, texts: list[str], threads: int) -> dict[str, float]:
    """RETURNS (dict): "seconds" (import to first prediction), "first" (that prediction alone),
    "peak_rss" (bytes, after all texts)."""
    job = {"name": name, "paths": {k: str(v) for k, v in asdict(paths).items()}, "texts": texts}
    with thread_limit(threads):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", MODULE],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise XinzhiError(
            f"A new process could not load '{name}': {lines[-1]}",
            f"Try it by hand: spacy.load or transformers.pipeline on {paths}",
        )
    return json.loads(done.stdout.splitlines()[-1])


def load_ratios(runs: dict[str, list[dict]], sizes: dict[str, int]) -> dict[str, Any]:
    """RETURNS (dict): Ours against stock: time to load, size, peak memory."""
    ours, stock = runs["ours"], runs["stock"]
    ratios = {
        "load_vs_stock": leaner(_values(ours, "seconds"), _values(stock, "seconds")),
        "size_vs_stock": leaner([sizes["ours"]], [sizes["stock"]]),
    }
    if all(run["peak_rss"] for run in ours + stock):
        ratios["rss_vs_stock"] = leaner(_values(ours, "peak_rss"), _values(stock, "peak_rss"))
    return ratios


def folder_size(folder: Path) -> int:
    """RETURNS (int): Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def wheel_sizes(folder: Path) -> dict[str, float]:
    """RETURNS (dict): Wheel in a folder -> MB."""
    return {path.name: path.stat().st_size / 1e6 for path in sorted(folder.glob("*.whl"))}


def _values(runs: list[dict], key: str) -> list[float]:
    return [run[key] for run in runs]


def _row(runs: list[dict], size: int) -> dict[str, Any]:
    peaks = [run["peak_rss"] / 1e6 for run in runs if run["peak_rss"]]
    return {
        "load_seconds": summarise(_values(runs, "seconds")),
        "first_prediction_ms": summarise([run["first"] * 1000 for run in runs]),
        "peak_rss_mb": summarise(peaks) if peaks else None,
        "size_mb": size / 1e6,
    }
