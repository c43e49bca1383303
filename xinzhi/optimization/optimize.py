"""`xinzhi optimize`: the settings that are fastest on this machine, found by measuring them."""

from __future__ import annotations

import copy
import json
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, get_args

import torch
from spacy.language import Language
from spacy.util import load_model
from thinc.api import Config

from ..benchmark.machine import available_cores, describe_machine
from ..benchmark.measures.scaling import thread_counts
from ..benchmark.turns import alternate
from ..encoders.precision import Precision, has_bf16
from ..errors import XinzhiError
from ..evaluation.evaluate import evaluate, load_pipeline, read_examples
from ..files import replaced_folder, write_json
from ..training.checks import check_corpus
from .choice import choose, main_scores, points_lost, side_by_side
from .cold_start import cold_start_seconds
from .config import (
    BATCH_SIZE,
    CONFIG,
    THREADS,
    change_config,
    precision_settings,
    set_precision,
    threads_callback,
)
from .light import LIGHT_FACTORY, lightened

RECORD = "optimized.json"
BATCH_SIZES = (16, 64, 256)
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Options:
    """How to measure, and what may be lost.

    rounds (int): Turns of each candidate.
    characters (int): Texts of the dev data up to this length together are predicted in each turn.
    tolerance (float): Points (of 100) that a score may fall behind fp32.
    light (bool): Let the copy predict without importing spacy-transformers; it cannot be trained.
    """

    rounds: int = 5
    characters: int = 20_000
    tolerance: float = 0.5
    light: bool = True

    def __post_init__(self) -> None:
        for name in ("rounds", "characters"):
            if getattr(self, name) < 1:
                raise XinzhiError(f"--{name} is {getattr(self, name)}.", "Give 1 or more.")


@dataclass
class Measurement:
    """A pipeline, the texts to predict, and what has been found out so far."""

    path: Path
    texts: list[str]
    options: Options
    say: Callable[[str], None]
    chosen: dict[str, Any] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)

    def decide(
        self,
        setting: str,
        turns: Mapping[Any, Callable[[], float]],
        present: Any,
        lost: Mapping[Any, float] | None = None,
    ) -> Any:
        """Measure the values of a setting in turns, choose one, note what was measured.

        setting (str): Its name.
        turns (Mapping): Value -> measures characters per second; called once more to warm up.
        present (Any): The value that is set now.
        lost (Mapping): Value -> points lost.
        RETURNS (Any): The value chosen.
        """
        for turn in turns.values():
            turn()
        rates = alternate(self.options.rounds, turns)
        measured = side_by_side(rates, present, lost)
        value, rows = choose(measured, present, self.options.tolerance)
        self.record[setting] = rows
        self.chosen[setting] = value
        self.say(f"{setting}: {value}")
        return value


def optimize(
    pipeline: str | Path,
    dev: str | Path,
    output: str | Path,
    options: Options | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Measure precisions, threads and batch sizes on this machine, write a copy with the fastest.

    A setting is changed only if that is at least 3 % faster in the median of the rounds, and if no
    score falls more than `tolerance` points behind fp32. The pipeline itself stays as it is.

    pipeline (str / Path): A saved pipeline, or the name of an installed one.
    dev (str / Path): A .spacy file, or a folder of them: for the scores, and texts to predict.
    output (str / Path): The folder to write.
    options (Options): How to measure.
    say (Callable): Gets a line whenever something has been decided.
    RETURNS (dict): "machine", "texts", "settings" (per setting a row per candidate), "chosen",
        "scores", "before" (what the changed settings were); also written to OUTPUT/optimized.json.
    RAISES (XinzhiError): Pipeline or corpus cannot be read, or OUTPUT cannot be written.
    """
    options, output = options or Options(), Path(output)
    check_corpus(dev, "the dev data")
    nlp = load_pipeline(pipeline)
    path = Path(nlp.path)
    _check_output(output, path)
    measurement = Measurement(path, _sample(nlp, Path(dev), options.characters), options, say)
    with _same_threads_after():
        nlp, scores = _measure_precisions(measurement, nlp, dev)
        _measure_threads(measurement, nlp)
        _measure_batch_sizes(measurement, nlp)
    record = {
        "pipeline": str(pipeline),
        "dev": str(dev),
        "machine": describe_machine(measurement.chosen.get("threads") or available_cores()),
        "texts": {"count": len(measurement.texts), "characters": _length(measurement.texts)},
        "rounds": options.rounds,
        "tolerance": options.tolerance,
        "scores": scores,
        "settings": measurement.record,
        "chosen": measurement.chosen,
    }
    return _write_copy(measurement, output, record)


def reset(pipeline: str | Path) -> dict[str, Any]:
    """Give a pipeline written by `optimize` the settings back that it had before.

    pipeline (str / Path): Its folder; changed in place.
    RETURNS (dict): Dotted name -> value.
    RAISES (XinzhiError): It is no such pipeline.
    """
    folder = Path(pipeline)
    if not (folder / RECORD).is_file():
        raise XinzhiError(
            f"{folder} has no {RECORD}: xinzhi optimize has not written it.",
            "Name the OUTPUT folder of an earlier xinzhi optimize.",
        )
    before = json.loads((folder / RECORD).read_text(encoding="utf8"))["before"]
    change_config(folder, before)
    (folder / RECORD).unlink()
    return before


def _check_output(output: Path, source: Path) -> None:
    parent = output.absolute().parent
    if not parent.is_dir():
        raise XinzhiError(f"The folder {parent} does not exist.", "Create it first.")
    if output.exists() and output.resolve() == source.resolve():
        raise XinzhiError(
            f"{output} is the pipeline itself; optimize writes a copy.", "Name another folder."
        )
    if output.exists() and not (output / CONFIG).is_file():
        raise XinzhiError(
            f"{output} is there already and is not a pipeline, so it is not replaced.",
            "Name a new folder, or that of a pipeline.",
        )


def _sample(nlp: Language, dev: Path, characters: int) -> list[str]:
    """RETURNS (list): Texts of the corpus, spread evenly, together about so long."""
    texts = [example.reference.text for example in read_examples(nlp, dev)]
    step = max(1, _length(texts) // characters)
    return texts[::step]


def _length(texts: Sequence[str]) -> int:
    return sum(map(len, texts))


def _rate(nlp: Language, texts: list[str], threads: int, batch_size: int) -> float:
    """RETURNS (float): Characters per second of `nlp.pipe`."""
    torch.set_num_threads(threads)
    start = perf_counter()
    deque(nlp.pipe(texts, batch_size=batch_size), maxlen=0)
    return _length(texts) / (perf_counter() - start)


def precisions() -> list[str]:
    """RETURNS (list): The precisions that this machine computes in."""
    left_out = {"auto", "fp16"} if has_bf16("cpu") else {"auto", "fp16", "bf16"}
    return [name for name in get_args(Precision) if name not in left_out]


def _measure_precisions(
    measurement: Measurement, nlp: Language, dev: str | Path
) -> tuple[Language, dict[str, dict[str, float]]]:
    """RETURNS (tuple): The pipeline in the chosen precision, and the scores by precision."""
    names = list(precision_settings(nlp.config["components"], "components."))
    if not names:
        measurement.say("precision: the pipeline has no encoder of ours, left as it is")
        return nlp, {"present": main_scores(evaluate(nlp, dev))}
    config = nlp.config.interpolate()
    present = _value(config, names[0])
    candidates = list(dict.fromkeys([present, *precisions()]))
    pipelines = {
        name: load_model(measurement.path, config=dict.fromkeys(names, name)) for name in candidates
    }
    scores = {name: main_scores(evaluate(pipelines[name], dev)) for name in candidates}
    lost = {name: points_lost(scores[name], scores["fp32"]) for name in candidates}
    threads = torch.get_num_threads()
    turns = {
        name: partial(_rate, loaded, measurement.texts, threads, nlp.batch_size)
        for name, loaded in pipelines.items()
    }
    return pipelines[measurement.decide("precision", turns, present, lost)], scores


def _value(config: Config, name: str) -> Any:
    value: Any = config
    for part in name.split("."):
        value = value[part]
    return value


@contextmanager
def _same_threads_after() -> Iterator[None]:
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _measure_threads(measurement: Measurement, nlp: Language) -> None:
    present = torch.get_num_threads()
    counts: Iterable[int] = sorted({present, *thread_counts(available_cores())})
    turns = {n: partial(_rate, nlp, measurement.texts, n, nlp.batch_size) for n in counts}
    measurement.decide("threads", turns, present)


def _measure_batch_sizes(measurement: Measurement, nlp: Language) -> None:
    threads, present = measurement.chosen["threads"], nlp.batch_size
    sizes = sorted({present, *BATCH_SIZES})
    turns = {n: partial(_rate, nlp, measurement.texts, threads, n) for n in sizes}
    measurement.decide("batch_size", turns, present)


def _write_copy(measurement: Measurement, output: Path, record: dict[str, Any]) -> dict[str, Any]:
    """Write the copy, see that it has the scores that were measured, and time its cold start.

    RETURNS (dict): The record, with "before" and "cold_start".
    RAISES (XinzhiError): The copy does not predict what was measured.
    """
    chosen = measurement.chosen
    with replaced_folder(output.absolute()) as folder:
        shutil.copytree(measurement.path, folder, dirs_exist_ok=True)
        config = Config().from_disk(folder / CONFIG, interpolate=False)
        settings = _new_settings(config, chosen, measurement.options.light)
        record["chosen"]["light"] = _is_light(settings["components"])
        record["before"] = change_config(folder, settings)
        scores = main_scores(evaluate(folder, record["dev"]))
        expected = record["scores"][chosen.get("precision", "present")]
        if points_lost(scores, expected) > measurement.options.tolerance:
            raise XinzhiError(
                f"The optimized copy has other scores: {scores}, not {expected}.",
                "Run with --no-light, and please report this.",
            )
        record["cold_start"] = _cold_starts(measurement, folder)
        write_json(folder / RECORD, record)
    return record


def _new_settings(config: Config, chosen: dict[str, Any], light: bool) -> dict[str, Any]:
    """RETURNS (dict): Dotted name -> value of what is to be changed in the config."""
    components = copy.deepcopy(config["components"])
    if "precision" in chosen:
        set_precision(components, chosen["precision"])
    if light:
        components = lightened(components) or components
    settings = {BATCH_SIZE: chosen["batch_size"], "components": components}
    if config["nlp"].get("before_creation") is None:
        settings[THREADS] = threads_callback(chosen["threads"])
    return settings


def _is_light(components: dict[str, Any]) -> bool:
    return any(section.get("factory") == LIGHT_FACTORY for section in components.values())


def _cold_starts(measurement: Measurement, folder: Path) -> dict[str, list[float]]:
    """RETURNS (dict): Seconds from a new process to the first prediction, "before" and "after"."""
    text = measurement.texts[0]
    folders = {"before": measurement.path, "after": folder}
    turns = {name: partial(cold_start_seconds, path, text) for name, path in folders.items()}
    return alternate(min(3, measurement.options.rounds), turns)
