"""Calibration: confidences of a trained pipeline made to match how often it is right on dev data.

Entities. Of what was considered: (a) a temperature on all scores of the CRF, one parameter; (b)
Platt scaling of the log-odds of each entity's probability, a slope and an offset. Both leave the
entities as they are and order confidences as before within one document's scores; (b) can also
correct a constant over- or underestimate, and is the default. Heads: one temperature per head (Guo
et al. 2017, On calibration of modern neural networks), which never changes the best label.

What is fitted is stored in the component (`cfg["calibration"]`), so it is saved with the pipeline
and applied at prediction, and is shown in `nlp.meta["calibration"]`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..components.heads import GoldHead, Head, group_cats
from ..errors import XinzhiError
from ..files import replaced_folder
from ..layers.decoding import TagScores, decode
from ..layers.probability import logit, rescale, sigmoid, softmax
from ..training.checks import check_corpus
from .confidence import confidence_scores, judge_spans
from .evaluate import load_pipeline, read_examples, release_tensors
from .fitting import best_threshold, binary_loss, fit_platt, fit_temperature

BATCH_SIZE = 64
MIN_CASES = 10  # of a label, to choose a threshold of its own
META_KEY = "calibration"


@dataclass(frozen=True)
class Options:
    """What to fit.

    method (str): For entities, "platt" or "temperature".
    thresholds (bool): Also choose the threshold of each label (entities, and heads that are not
        exclusive) with the best F-score.
    reject (float): Also set `abstain_below` of each head so that this share of the dev documents
        is rejected; None to leave it.
    """

    method: Literal["platt", "temperature"] = "platt"
    thresholds: bool = False
    reject: float | None = None

    def __post_init__(self) -> None:
        if self.method not in ("platt", "temperature"):
            raise XinzhiError(f"Unknown method {self.method!r}.", "Use platt or temperature.")
        if self.reject is not None and not 0 <= self.reject < 1:
            raise XinzhiError(
                f"The share of documents to reject is {self.reject}.", "Use 0 or more, below 1."
            )


@dataclass
class EntityData:
    """Predictions of one tagger on dev data: what they are decoded from, and the gold documents."""

    tagged: list[TagScores] = field(default_factory=list)
    examples: list[list[Example]] = field(default_factory=list)


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
    output (str / Path): Where to write; in place of `pipeline`, if None.
    RETURNS (dict): See `calibrate`.
    RAISES (XinzhiError): If the pipeline or the data cannot be used.
    """
    target = _target(pipeline, output)
    check_corpus(dev, "the dev data")
    nlp = load_pipeline(pipeline, gpu_id)
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


# Entities


@dataclass(frozen=True)
class Outcomes:
    """Predicted entities of dev data that the gold annotation can judge."""

    confidence: np.ndarray
    correct: np.ndarray
    label: np.ndarray


def calibrate_entities(pipe: Any, data: EntityData, options: Options) -> dict[str, Any]:
    """Fit and store the calibration of a tagger.

    RETURNS (dict): "fitted", "before", "after".
    """
    pipe.cfg["calibration"] = {}
    plain = judge(data, pipe.labels, 1.0)
    if not len(plain.correct):
        return {"fitted": {}, "before": None, "after": None}
    if options.method == "temperature":
        temperature = fit_temperature(
            lambda t: binary_loss(judge(data, pipe.labels, t).confidence, plain.correct),
            len(plain.correct),
        )
        fitted: dict[str, Any] = {"temperature": temperature}
        after = judge(data, pipe.labels, temperature)
    else:
        scale, bias = fit_platt(logit(plain.confidence), plain.correct)
        fitted = {"scale": scale, "bias": bias}
        after = Outcomes(rescale(plain.confidence, scale, bias), plain.correct, plain.label)
    if options.thresholds:
        fitted["thresholds"] = _entity_thresholds(after, pipe.labels, _gold_counts(data))
    pipe.cfg["calibration"] = fitted
    return {
        "fitted": fitted,
        "before": confidence_scores(plain.confidence, plain.correct),
        "after": confidence_scores(after.confidence, after.correct),
    }


def judge(data: EntityData, labels: Sequence[str], temperature: float) -> Outcomes:
    """Decode dev data and compare the entities with the gold ones.

    RETURNS (Outcomes): Those that the gold annotation can judge.
    """
    confidence: list[float] = []
    correct: list[bool] = []
    numbers: list[int] = []
    for tagged, batch in zip(data.tagged, data.examples, strict=True):
        entities = decode(tagged, temperature=temperature)
        for i, example in enumerate(batch):
            rows = np.flatnonzero(entities.doc == i)
            spans = [(a, b, labels[label]) for a, b, label in entities.spans[rows].tolist()]
            for row, outcome in zip(rows.tolist(), judge_spans(example, spans), strict=True):
                if outcome is not None:
                    confidence.append(float(entities.confidence[row]))
                    correct.append(outcome)
                    numbers.append(int(entities.spans[row, 2]))
    return Outcomes(np.array(confidence), np.array(correct, dtype=bool), np.array(numbers))


def _gold_counts(data: EntityData) -> Counter[str]:
    docs = [example.reference for batch in data.examples for example in batch]
    return Counter(ent.label_ for doc in docs for ent in doc.ents)


def _entity_thresholds(
    outcomes: Outcomes, labels: Sequence[str], gold: Counter[str]
) -> dict[str, float]:
    thresholds = {}
    for number, label in enumerate(labels):
        mine = outcomes.label == number
        if mine.sum() >= MIN_CASES and gold[label] >= MIN_CASES:
            thresholds[label] = best_threshold(
                outcomes.confidence[mine], outcomes.correct[mine], gold[label]
            )
    return thresholds


# Heads


def calibrate_heads(
    pipe: Any, data: list[tuple[Doc, list[np.ndarray]]], options: Options
) -> dict[str, Any]:
    """Fit and store the calibration of each head of a classifier.

    RETURNS (dict): Per head "fitted", "before", "after".
    """
    pipe.cfg["calibration"] = {}
    cats = [group_cats(doc.cats) for doc, _ in data]
    report: dict[str, Any] = {}
    for i, head in enumerate(pipe.heads):
        gold, annotated = _known_gold(head, cats)
        rows = np.flatnonzero(annotated.any(1))
        if not len(rows):
            report[head.name] = {"fitted": {}, "before": None, "after": None}
            continue
        logits = np.stack([data[row][1][i] for row in rows])
        known = GoldHead(gold[rows], annotated[rows])
        report[head.name] = _calibrate_head(head, logits, known, options)
        pipe.cfg["calibration"][head.name] = report[head.name]["fitted"]
    return report


def _known_gold(head: Head, cats: list[dict[str, dict[str, float]]]) -> tuple[np.ndarray, ...]:
    """Gold values and which are known, (documents, labels). A document whose gold label of an
    exclusive head is unknown to the component is not known."""
    gold = np.full((len(cats), len(head.labels)), np.nan)
    for row, heads in enumerate(cats):
        values = heads.get(head.name, {})
        gold[row] = [values.get(label, np.nan) for label in head.labels]
    annotated = ~np.isnan(gold)
    gold = np.nan_to_num(gold)
    if head.exclusive:
        annotated[:] = (gold.max(1) >= 0.5)[:, None]
    return gold, annotated


def _calibrate_head(
    head: Head, logits: np.ndarray, gold: GoldHead, options: Options
) -> dict[str, Any]:
    def outcomes(temperature: float) -> tuple[np.ndarray, np.ndarray]:
        return _head_outcomes(head, logits / temperature, gold)

    def loss(temperature: float) -> float:
        if not head.exclusive:
            return _cell_loss(sigmoid(logits / temperature), gold)
        probs = softmax(logits / temperature)
        right = probs[np.arange(len(probs)), gold.target.argmax(1)]
        return float(-np.log(np.clip(right, 1e-12, None)).mean())

    temperature = fit_temperature(loss, len(logits))
    fitted: dict[str, Any] = {"temperature": temperature}
    if options.thresholds and not head.exclusive:
        fitted["thresholds"] = _label_thresholds(head, sigmoid(logits / temperature), gold)
    if options.reject is not None:
        fitted["abstain_below"] = _rejection_limit(head, logits / temperature, options.reject)
    return {
        "fitted": fitted,
        "before": confidence_scores(*outcomes(1.0)),
        "after": confidence_scores(*outcomes(temperature)),
    }


def _head_outcomes(head: Head, logits: np.ndarray, gold: GoldHead) -> tuple[np.ndarray, np.ndarray]:
    """Confidence and correctness: of the best label, or of all yes or no decisions."""
    if head.exclusive:
        probs = softmax(logits)
        return probs.max(1), probs.argmax(1) == gold.target.argmax(1)
    probs = sigmoid(logits)
    right = (probs >= 0.5) == (gold.target >= 0.5)
    return np.maximum(probs, 1 - probs)[gold.annotated], right[gold.annotated]


def _cell_loss(probs: np.ndarray, gold: GoldHead) -> float:
    return binary_loss(probs[gold.annotated], gold.target[gold.annotated] >= 0.5)


def _label_thresholds(head: Head, probs: np.ndarray, gold: GoldHead) -> dict[str, float]:
    thresholds = {}
    for i, label in enumerate(head.labels):
        known = gold.annotated[:, i]
        positive = gold.target[known, i] >= 0.5
        if positive.sum() >= MIN_CASES:
            thresholds[label] = best_threshold(probs[known, i], positive, int(positive.sum()))
    return thresholds


def _rejection_limit(head: Head, logits: np.ndarray, share: float) -> float:
    """The confidence below which a share of the documents lies."""
    if head.exclusive:
        confidence = softmax(logits).max(1)
    else:
        probs = sigmoid(logits)
        confidence = np.maximum(probs, 1 - probs).min(1)
    return float(np.quantile(confidence, share, method="lower"))


# Saving


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
