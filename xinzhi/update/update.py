"""Train a pipeline further, judge the candidate, and promote or refuse it."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.training.loop import DIR_MODEL_LAST

from ..errors import XinzhiError
from ..evaluation.calibration import META_KEY, calibrate_pipeline
from ..evaluation.comparison.compare import Options as Comparison
from ..evaluation.comparison.compare import compare
from ..evaluation.evaluate import load_pipeline
from ..registry import Registry
from ..training.labels import Labels, known_labels
from ..training.train import train
from .baseline import head_baselines
from .config import build_config
from .data import TEST, TRAIN, Data, gather, write_docs
from .gate import Verdict, judge_update
from .options import Options
from .report import JSON, write_report

CONFIG, DATA, TRAINING = "update.cfg", "data", "training"
CANDIDATE, MODEL = "candidate", "model"


def update(
    pipeline: str | Path,
    new: Path,
    output: Path,
    *,
    replay: Path | None = None,
    test: Path | None = None,
    options: Options | None = None,
    registry: Path | None = None,
    name: str | None = None,
    gpu_id: int = -1,
) -> dict[str, Any]:
    """Train a pipeline further on new or corrected annotation.

    The candidate is OUTPUT/candidate. If it passes the gate it becomes OUTPUT/model (and the
    version that the registry serves); otherwise nothing is promoted.

    pipeline (str / Path): The old pipeline: a folder, or an installed package. It is not changed.
    new (Path): New or corrected annotation, a .spacy file or a folder of them.
    output (Path): A folder without the report of another update.
    replay (Path | None): The annotation that the old pipeline was trained on.
    test (Path | None): What the gate judges by; None: a part of the new and old texts is held out.
    options (Options): The settings.
    registry (Path | None): A registry (`xinzhi registry`) to add the candidate to and promote it.
    name (str | None): The model in the registry.
    gpu_id (int): The number of the GPU, -1 for the CPU.
    RETURNS (dict): The report: "verdict" (see `gate.Verdict`), "metrics" (of `compare`, old against
        candidate), "labels" ("old", "new"), "texts", "options", "pipeline", "model" (the promoted
        folder, or None), "version" (in the registry, or None).
    RAISES (XinzhiError): Something cannot be read, or cannot be learned from.
    """
    options = options or Options()
    if (output / JSON).exists():
        raise XinzhiError(f"{output} holds the report of another update.", "Name a new folder.")
    nlp = load_pipeline(pipeline, gpu_id)
    if nlp.path is None:
        raise XinzhiError("The pipeline is in memory only.", "Save it: nlp.to_disk(FOLDER).")
    served = _served(registry, name, nlp.path)
    data = gather(nlp, new, replay, test, options)
    output.mkdir(parents=True, exist_ok=True)
    gold = test or output / DATA / TEST
    old = known_labels(nlp)
    candidate = _train(nlp, data, gold, output, options, gpu_id)
    metrics, verdict = _judge(nlp.path, candidate, gold, old, data.new, options, gpu_id)
    report = {
        "pipeline": str(pipeline),
        "verdict": verdict.to_dict(),
        "metrics": metrics,
        "labels": {"old": asdict(old), "new": asdict(data.new)},
        "texts": data.counts,
        "options": asdict(options),
        "model": None,
        "version": None,
    }
    if verdict.passed:
        report["model"] = str(candidate.rename(output / MODEL))
    write_report(output, report)
    if verdict.passed and registry and name:
        report["version"] = _promote(output / MODEL, registry, name, served, report)
        write_report(output, report)
    return report


def _train(
    nlp: Language, data: Data, gold: Path, output: Path, options: Options, gpu_id: int
) -> Path:
    """RETURNS (Path): The candidate: the state after the last step, calibrated if the old pipeline
    was. No state is chosen by the texts of the gate, and calibration changes no decision."""
    write_docs(output / DATA, data, options.seed)
    config = build_config(nlp, data, output / DATA / TRAIN, gold, options)
    config.to_disk(output / CONFIG)
    train(output / CONFIG, output / TRAINING, gpu_id)
    last, candidate = output / TRAINING / DIR_MODEL_LAST, output / CANDIDATE
    for folder in (candidate, output / MODEL):  # of an update that was killed
        shutil.rmtree(folder, ignore_errors=True)
    if nlp.meta.get(META_KEY):
        calibrate_pipeline(last, gold, output=candidate, gpu_id=gpu_id)
    else:
        shutil.copytree(last, candidate)
    return candidate


def _judge(
    pipeline: Path,
    candidate: Path,
    gold: Path,
    old: Labels,
    new: Labels,
    options: Options,
    gpu_id: int,
) -> tuple[dict[str, Any], Verdict]:
    """RETURNS (tuple): What `compare` measured, and the verdict of the gate."""
    tests: dict[str, Any] = {"resamples": options.resamples, "seed": options.seed}
    comparison = Comparison(alpha=options.alpha, **tests)
    metrics = compare(pipeline, candidate, gold, comparison, gpu_id)["metrics"]
    heads = [head for head, *_ in new.heads]
    baselines = head_baselines(candidate, gold, heads, gpu_id=gpu_id, **tests)
    return metrics, judge_update(metrics, old, new, options, baselines)


def _served(registry: Path | None, name: str | None, pipeline: Path) -> str | None:
    """The version that the registry serves now: the one that the candidate is compared with.

    RETURNS (str | None): It; None if there is none yet.
    RAISES (XinzhiError): Another pipeline is served than the one that is to be updated.
    """
    if (registry is None) != (name is None):
        raise XinzhiError(
            "A promotion needs the registry and the name of the model.",
            "Give --registry and --name.",
        )
    if not registry or not name:
        return None
    shelf = Registry(registry)
    version = shelf.current(name)
    if version is not None and not shelf.holds(name, version, pipeline):
        raise XinzhiError(
            f"{pipeline} is not what '{name}' serves: that is version {version} of {registry}.",
            f"Update {shelf.path(name)}, or promote the other one first.",
        )
    return version


def _promote(
    model: Path, registry: Path, name: str, served: str | None, report: dict[str, Any]
) -> str:
    """Add the model to the registry, and serve it if nobody else has promoted anything meanwhile.

    RETURNS (str): The version.
    RAISES (XinzhiError): Somebody has: the candidate was not compared with that version.
    """
    shelf = Registry(registry)
    scores = {n: row["b"] for n, row in report["metrics"].items() if row["main"]}
    note = f"update of {report['pipeline']}: {report['texts']['new']} new texts"
    version = shelf.add(model, name, scores, note, served).version
    shelf.promote(name, version, instead_of=served)
    return version
