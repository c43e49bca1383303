"""The same training with several seeds: what to expect, and how much of it is luck."""

from __future__ import annotations

import shutil
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from ..files import replaced_folder, write_json
from .output_folder import PUBLISHED
from .run_record import FOLDER, WITHOUT_EFFECT, changed_settings, read_record
from .train import best_score, load_config, train

SUMMARY = "repeats.json"


def train_repeats(
    config_path: str | Path,
    output: str | Path,
    repeats: int,
    gpu_id: int = -1,
    overrides: dict[str, Any] | None = None,
    *,
    resume: bool = False,
    first_seed: int | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Train several times, each with another seed, and keep the best pipeline.

    config_path (str / Path): A spaCy training config.
    output (str / Path): Each training goes to a folder repeat-N in it; model-best, model-last and
        run of the one with the best dev score are copied beside them.
    repeats (int): How many.
    gpu_id (int): The number of the GPU, -1 for the CPU.
    overrides (dict): Config settings by dotted name.
    resume (bool): Leave out what has been trained, and go on with what has not been finished.
    first_seed (int): The seeds count up from here; by default from training.seed.
    options: As for `train`.
    RETURNS (dict): See `summarise`; also written to repeats.json.
    """
    output, overrides = Path(output), overrides or {}
    config = load_config(Path(config_path), overrides).interpolate()
    seed = config["training"].get("seed") or 0 if first_seed is None else first_seed
    runs = []
    for number in range(repeats):
        folder = output / f"repeat-{number + 1}"
        with_seed = {**overrides, "training.seed": seed + number}
        if not (resume and is_finished(folder, Path(config_path), with_seed)):
            print(f"Repeat {number + 1} of {repeats}, seed {seed + number}", flush=True)
            train(config_path, folder, gpu_id, with_seed, resume=resume, **options)
        found = best_score(folder / "model-best")
        runs.append({"folder": folder.name, "seed": seed + number, **found})
    summary = summarise(runs)
    _copy_best(output, summary["best"])
    write_json(output / SUMMARY, summary)
    return summary


def is_finished(folder: Path, config_path: Path, overrides: dict[str, Any]) -> bool:
    """RETURNS (bool): Whether a folder holds a finished training of just that config."""
    record = read_record(folder / FOLDER)
    if record.get("status") != "finished" or not (folder / "model-best").is_dir():
        return False
    config = load_config(config_path, overrides)
    return not changed_settings(folder / FOLDER, config, WITHOUT_EFFECT)


def summarise(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean and spread over trainings that differ in their seed only.

    runs (list): Of each: "folder", "seed", "score" and "scores" (name -> value).
    RETURNS (dict): "runs"; "best": folder of the best score; "scores": "score" and every other ->
        mean, sd (of a sample; 0 for a single run), min and max.
    """
    columns = {"score": [run["score"] for run in runs]}
    for name in runs[0]["scores"]:
        columns[name] = [run["scores"][name] for run in runs]
    best = max(runs, key=lambda run: run["score"])["folder"]
    return {"runs": runs, "best": best, "scores": {k: spread(v) for k, v in columns.items()}}


def spread(values: list[float]) -> dict[str, float]:
    """RETURNS (dict): mean, sd, min and max."""
    sd = stdev(values) if len(values) > 1 else 0.0
    return {"mean": mean(values), "sd": sd, "min": min(values), "max": max(values)}


def describe_spread(scores: dict[str, dict[str, float]]) -> list[str]:
    """RETURNS (list): A line per score."""
    return [
        f"{name}: {s['mean']:.4f} ± {s['sd']:.4f} (from {s['min']:.4f} to {s['max']:.4f})"
        for name, s in scores.items()
    ]


def _copy_best(output: Path, best: str) -> None:
    for name in PUBLISHED:
        with replaced_folder(output / name) as work:
            shutil.copytree(output / best / name, work, dirs_exist_ok=True)
