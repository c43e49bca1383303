"""The whole benchmark: every measure in its order, one dictionary of results."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from .documents import read_texts
from .machine import describe_machine
from .measures.encoder import measure_encoder
from .measures.load import measure_load
from .measures.predict import measure_prediction, measure_scores
from .measures.profile import profile_prediction, profile_training
from .measures.scaling import measure_scaling
from .measures.stream import measure_stream
from .measures.train import measure_training
from .prepare import check_files, make_pipelines
from .progress import Progress
from .ratios import RATIOS, complete
from .session import Session
from .settings import Settings


def benchmark(settings: Settings, *, show_progress: bool = False) -> dict[str, Any]:
    """Measure our pipeline, the stock one and transformers in turns, on the same documents.

    settings (Settings): What to measure.
    show_progress (bool): Draw a progress bar with the current phase.
    RETURNS (dict): "machine", "settings", the results of each measure, "ratios" (name -> median
        over the rounds, above 1 if ours is better, None if not measured), "spreads" (name ->
        "median", "low", "high", "values") and "definitions" of the ratios.
    RAISES (XinzhiError): A file is missing; the message names the command that makes it.
    """
    check_files(settings)
    texts = {name: read_texts(files) for name, files in settings.documents.items()}
    machine = describe_machine(settings.threads)
    with Progress(show_progress) as progress:
        session = make_pipelines(Session(settings, texts, progress))
        results = _measure(session)
    spreads = _spreads(results)
    return {
        "machine": machine,
        "settings": _plain(asdict(session.settings)),
        **results,
        "ratios": complete(spreads),
        "spreads": spreads,
        "definitions": RATIOS,
    }


def _measure(session: Session) -> dict[str, Any]:
    results: dict[str, Any] = {}
    if "predict" in session.settings.only:
        results |= _predict(session)
    if "train" in session.settings.only:
        results |= _train(session)
    if "load" in session.settings.only:
        results["load"] = measure_load(session)
    if session.settings.stream:
        results["stream"] = measure_stream(session)
    return results


def _predict(session: Session) -> dict[str, Any]:
    results: dict[str, Any] = {}
    with session.predictors() as workers:
        results["predict"] = measure_prediction(session, workers)
        results["encoder"] = measure_encoder(session, workers)
        results["scores"] = measure_scores(session, workers)
        if session.settings.profile:
            results["profile_predict"] = profile_prediction(session, workers)
        if session.settings.scaling:
            results["scaling"] = measure_scaling(session, workers)
    return results


def _train(session: Session) -> dict[str, Any]:
    results: dict[str, Any] = {}
    with session.trainers() as workers:
        results["train"] = measure_training(session, workers)
        if session.settings.profile:
            results["profile_train"] = profile_training(session, workers)
    return results


def _spreads(results: dict[str, Any]) -> dict[str, Any]:
    """RETURNS (dict): The ratios of all measures; those of prediction on the first documents."""
    predict: dict[str, Any] = next(iter(results.get("predict", {}).values()), {})
    parts = (predict, results.get("train", {}), results.get("load", {}))
    return {name: value for part in parts for name, value in part.get("ratios", {}).items()}


def _plain(value: Any) -> Any:
    """RETURNS (Any): Paths as strings, tuples as lists, at any depth."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.as_posix() if isinstance(value, Path) else value
