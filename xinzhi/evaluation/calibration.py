"""Calibration: confidences of a trained pipeline made to match how often it is right on dev data.

What is fitted is stored in the component (`cfg["calibration"]`), so it is saved with the pipeline
and applied at prediction, and is shown in `nlp.meta["calibration"]`. How, and what else was
considered: `calibration_entities` and `calibration_heads`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..errors import XinzhiError
from ..files import replaced_folder
from ..training.checks import check_corpus
from .calibration_entities import EntityData, calibrate_entities
from .calibration_heads import calibrate_heads
from .calibration_options import Options
from .evaluate import load_pipeline, read_examples, release_tensors

BATCH_SIZE = 64
META_KEY = "calibration"


def calibrate_pipeline(
    pipeline: Language | str | Path,
    dev: str | Path,
    *,
    output: str | Path | None = None,
    options: Options | None = None,
    gpu_id: int = -1,
) -> dict[str, Any]:
    """Calibrate a saved pipeline and save the result.

    pipeline (Language / str / Path): A folder, or what else `spacy.load` takes.
    dev (str / Path): A .spacy file or a folder of them; not the data trained on.
    output (str / Path): Where to write; in place of `pipeline`, if None. A pipeline without a
        component to calibrate is then written as it is, so that a workflow can go on with it.
    RETURNS (dict): See `calibrate`; empty if there is nothing to calibrate.
    RAISES (XinzhiError): If the pipeline or the data cannot be used.
    """
    target = _target(pipeline, output)
    check_corpus(dev, "the dev data")
    nlp = load_pipeline(pipeline, gpu_id)
    report: dict[str, Any] = {}
    if output is None or calibratable(nlp):
        report = calibrate(nlp, read_examples(nlp, Path(dev)), options)
    _save(nlp, target)
    return report


def reset_pipeline(pipeline: str | Path, *, output: str | Path | None = None) -> list[str]:
    """Remove the calibration of a saved pipeline.

    RETURNS (list): The components that were calibrated.
    """
    target = _target(pipeline, output)
    nlp = load_pipeline(pipeline)
    names = reset(nlp)
    _save(nlp, target)
    return names


def calibrate(
    nlp: Language, examples: Sequence[Example], options: Options | None = None
) -> dict[str, Any]:
    """Calibrate the components of a loaded pipeline.

    nlp (Language): The pipeline; what was fitted before is replaced.
    examples (Sequence): Dev data. A component or head that it holds no annotation for stays as it
        is; labels that are unseen in it keep the default threshold.
    options (Options): What to fit.
    RETURNS (dict): Per component and head: "fitted" values, and confidence scores "before" and
        "after" on the same data.
    RAISES (XinzhiError): If no component can be calibrated.
    """
    options = options or Options()
    names = calibratable(nlp)
    if not names:
        raise XinzhiError(
            "The pipeline has no component that can be calibrated.",
            "Use xinzhi_ner or xinzhi_cats; spaCy's own components have no usable confidence.",
        )
    data = collect(nlp, examples, names)
    report: dict[str, Any] = {}
    for name in names:
        pipe, collected = _pipe(nlp, name), data[name]
        if isinstance(collected, EntityData):
            report[name] = calibrate_entities(pipe, collected, options)
        else:
            report[name] = calibrate_heads(pipe, collected, options)
    _show_in_meta(nlp)
    return report


def reset(nlp: Language) -> list[str]:
    """Remove all calibration.

    RETURNS (list): The components that were calibrated.
    """
    names = [name for name in calibratable(nlp) if _pipe(nlp, name).cfg["calibration"]]
    for name in names:
        _pipe(nlp, name).cfg["calibration"] = {}
    _show_in_meta(nlp)
    return names


def calibratable(nlp: Language) -> list[str]:
    """RETURNS (list): The names of the components that keep a calibration."""
    pipes = [(name, getattr(pipe, "cfg", None)) for name, pipe in nlp.pipeline]
    return [name for name, cfg in pipes if isinstance(cfg, dict) and "calibration" in cfg]


def _pipe(nlp: Language, name: str) -> Any:
    return nlp.get_pipe(name)


def collect(
    nlp: Language, examples: Iterable[Example], names: list[str]
) -> dict[str, EntityData | list[tuple[Doc, list[np.ndarray]]]]:
    """Run a pipeline over dev data in batches, keeping only the raw scores of some components.

    RETURNS (dict): Per component, for taggers the data to decode, for classifiers the gold document
        and the scores of each head.
    """
    data: dict[str, Any] = {
        name: EntityData() if hasattr(nlp.get_pipe(name), "predict_scores") else []
        for name in names
    }
    before = nlp.pipe_names[: max(nlp.pipe_names.index(name) for name in names)]
    upstream = [name for name in before if name not in names]
    stream = iter(examples)
    with nlp.select_pipes(enable=upstream):
        while batch := list(islice(stream, BATCH_SIZE)):
            docs = list(nlp.pipe(eg.predicted for eg in batch))
            batch = [Example(d, eg.reference) for d, eg in zip(docs, batch, strict=True)]
            for name in names:
                _collect_batch(_pipe(nlp, name), data[name], docs, batch)
            for doc in docs:
                release_tensors(doc)
    return data


def _collect_batch(pipe: Any, data: Any, docs: list[Doc], batch: list[Example]) -> None:
    if isinstance(data, EntityData):
        scores = pipe.predict_scores(docs)
        if scores is not None:
            data.tagged.append(scores)
            data.examples.append(batch)
        return
    logits = pipe.predict_logits(docs)
    for row, example in enumerate(batch):
        data.append((example.reference, [scores[row] for scores in logits]))


def _show_in_meta(nlp: Language) -> None:
    fitted = {name: _pipe(nlp, name).cfg["calibration"] for name in calibratable(nlp)}
    fitted = {name: values for name, values in fitted.items() if values}
    nlp.meta.pop(META_KEY, None)
    if fitted:
        nlp.meta[META_KEY] = fitted


def _target(pipeline: Language | str | Path, output: str | Path | None) -> Path:
    if output is not None:
        target = Path(output)
    elif isinstance(pipeline, Language) or not Path(pipeline).is_dir():
        raise XinzhiError(
            f"{pipeline} is not a folder, so it cannot be calibrated in place.",
            "Say where to write the calibrated pipeline with --output.",
        )
    else:
        target = Path(pipeline)
    if not target.absolute().parent.is_dir():
        raise XinzhiError(
            f"The folder {target.absolute().parent} does not exist.", "Create it first."
        )
    if target.exists() and not (target / "config.cfg").is_file():
        raise XinzhiError(
            f"{target} is there already and is not a pipeline, so it is not replaced.",
            "Name a new folder, or that of a pipeline, with --output.",
        )
    return target.absolute()


def _save(nlp: Language, target: Path) -> None:
    with replaced_folder(target) as folder:
        nlp.to_disk(folder)
