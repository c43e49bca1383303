"""Evaluating a pipeline on a corpus: predictions first, then every score in one dictionary."""

from __future__ import annotations

import os
import platform
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from timeit import default_timer as timer
from typing import Any

import numpy
from spacy import util
from spacy.language import Language
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc
from spacy.training import Corpus, Example

from ..compat import installed_versions
from ..errors import XinzhiError
from ..training.checks import check_corpus
from ..training.device import use_device
from .confidence import entity_confidence
from .heads import head_scores, stored_thresholds
from .metrics import label_row, tag_scores
from .tags import aligned_tags
from .values import has_values, value_scores

NOTHING = {"p": 0.0, "r": 0.0, "f": 0.0}
PACKAGES = ("spacy", "spacy-transformers", "thinc", "torch", "transformers", "xinzhi")


def evaluate(
    pipeline: Language | str | Path, corpus: str | Path, gpu_id: int = -1
) -> dict[str, Any]:
    """Predict every document of a corpus and score entities, tokens, heads, values and speed.

    Each task is scored on the documents that are annotated for it. The scores of entities, of heads
    and of values equal those of `spacy evaluate`.

    pipeline (Language / str / Path): A loaded pipeline, or what `spacy.load` takes.
    corpus (str / Path): A .spacy file, or a folder of them.
    gpu_id (int): The number of the GPU, -1 for the CPU; only used to load a pipeline.
    RETURNS (dict): "entities" (None if the gold documents carry no entity annotation), "tokens",
        "heads", "scores" (real values), "speed", "counts" and "run" (pipeline, corpus, date,
        hardware, versions).
    RAISES (XinzhiError): The pipeline or the corpus cannot be read, or holds nothing to score.
    """
    return score(predict_corpus(pipeline, corpus, gpu_id))


@dataclass(frozen=True)
class Predictions:
    """A corpus with the predictions of a pipeline.

    nlp (Language): The pipeline.
    corpus (Path): Where the gold documents come from.
    examples (list[Example]): Predicted and gold documents.
    seconds (float): What the prediction took, tokenisation included.
    """

    nlp: Language
    corpus: Path
    examples: list[Example]
    seconds: float

    @property
    def scores_entities(self) -> bool:
        """Whether there are entities to score: annotated ones, and a component that finds some."""
        annotated = any(eg.reference.has_annotation("ENT_IOB") for eg in self.examples)
        return annotated and predicts_entities(self.nlp)


def predict_corpus(
    pipeline: Language | str | Path, corpus: str | Path, gpu_id: int = -1
) -> Predictions:
    """Predict every document of a corpus.

    pipeline (Language / str / Path): A loaded pipeline, or what `spacy.load` takes.
    corpus (str / Path): A .spacy file, or a folder of them.
    gpu_id (int): The number of the GPU, -1 for the CPU; only used to load a pipeline.
    RETURNS (Predictions): The predicted documents beside the gold ones.
    RAISES (XinzhiError): The pipeline or the corpus cannot be read, or carries no annotation.
    """
    check_corpus(corpus, "the corpus to evaluate on")
    nlp = load_pipeline(pipeline, gpu_id)
    examples = read_examples(nlp, Path(corpus))
    _check_gold(nlp, examples, corpus)
    return Predictions(nlp, Path(corpus), examples, predict(nlp, examples))


def score(predictions: Predictions) -> dict[str, Any]:
    """RETURNS (dict): See `evaluate`.

    RAISES (XinzhiError): The pipeline predicts nothing that the corpus carries.
    """
    nlp, examples = predictions.nlp, predictions.examples
    entities = predictions.scores_entities
    tasks = {
        "entities": entity_scores(examples, entity_labels(nlp)) if entities else None,
        "tokens": tag_scores(*aligned_tags(examples)) if entities else None,
        "heads": head_scores(examples, stored_thresholds(nlp)),
        "scores": value_scores(examples),
    }
    _check_scored(tasks, predictions.corpus)
    return {
        **tasks,
        "speed": _speed(examples, predictions.seconds),
        "counts": _counts(examples),
        "run": _run_info(nlp, predictions.corpus),
    }


def load_pipeline(pipeline: Language | str | Path, gpu_id: int = -1) -> Language:
    """Load a pipeline on the device asked for; a loaded one is returned as it is.

    pipeline (Language / str / Path): A loaded pipeline, or what `spacy.load` takes.
    gpu_id (int): The number of the GPU, -1 for the CPU.
    RETURNS (Language): The pipeline.
    RAISES (XinzhiError): There is no such pipeline, it is damaged, or the GPU is not there.
    """
    if isinstance(pipeline, Language):
        return pipeline
    use_device(gpu_id)
    try:
        return util.load_model(pipeline)
    except (OSError, ValueError, KeyError) as err:
        reason = " ".join(str(err).split())[:300] or repr(err)
        raise XinzhiError(
            f"Cannot load the pipeline {pipeline}: {reason}",
            "Name a trained pipeline, e.g. training/smartcity/model-best, or an installed package.",
        ) from err


def predict(nlp: Language, examples: Sequence[Example]) -> float:
    """Run the pipeline over the examples in batches, keeping the annotations but no tensors.

    As spaCy's `Language.evaluate` does, tokenisation is timed together with the pipeline.

    nlp (Language): The pipeline.
    examples (Sequence[Example]): Their `predicted` documents are annotated.
    RETURNS (float): Seconds.
    """
    start = timer()
    for eg in examples:
        nlp.make_doc(eg.reference.text)
    docs = nlp.pipe(eg.predicted for eg in examples)
    for eg, doc in zip(examples, docs, strict=True):
        eg.predicted = release_tensors(doc)
    return timer() - start


def release_tensors(doc: Doc) -> Doc:
    """RETURNS (Doc): The document without the vectors that components left on it."""
    doc.tensor = numpy.zeros((0,), dtype="float32")
    if Doc.has_extension("trf_data"):
        doc._.trf_data = None
    return doc


def predicts_entities(nlp: Language) -> bool:
    """RETURNS (bool): Whether a component of the pipeline sets `doc.ents`."""
    return bool(_finders(nlp))


def entity_labels(nlp: Language) -> list[str]:
    """RETURNS (list): The labels of all components that set `doc.ents`, sorted."""
    labels = nlp.pipe_labels
    return sorted({label for name in _finders(nlp) for label in labels.get(name, ())})


def _finders(nlp: Language) -> list[str]:
    return [name for name in nlp.pipe_names if "doc.ents" in nlp.get_pipe_meta(name).assigns]


def entity_scores(examples: Sequence[Example], labels: Iterable[str] = ()) -> dict[str, Any]:
    """Score whole entities with spaCy's scorer: an entity is right if its span and label are.

    examples (Sequence[Example]): Predicted and reference documents.
    labels (Iterable[str]): Labels to list even if they do not occur; their scores are None.
    RETURNS (dict): "precision", "recall", "f1", "support" over all entities, and "labels": the
        same per label (see `metrics.label_row`), and "confidence" (see
        `confidence.confidence_scores`; None if the entities have none).
    """
    prf = get_ner_prf(examples)
    support = Counter(ent.label_ for eg in examples for ent in eg.reference.ents)
    predicted = Counter(ent.label_ for eg in examples for ent in eg.predicted.ents)
    rows = {**dict.fromkeys(labels, NOTHING), **(prf["ents_per_type"] or {})}
    return {
        "precision": prf["ents_p"],
        "recall": prf["ents_r"],
        "f1": prf["ents_f"],
        "support": sum(support.values()),
        "labels": {
            label: label_row(row, support[label], predicted[label])
            for label, row in sorted(rows.items())
        },
        "confidence": entity_confidence(examples),
    }


def read_examples(nlp: Language, corpus: Path) -> list[Example]:
    """Read a corpus for scoring.

    nlp (Language): The pipeline, which makes the documents to predict.
    corpus (Path): A .spacy file, or a folder of them.
    RETURNS (list): The examples, not predicted yet.
    RAISES (XinzhiError): The corpus cannot be read, or is empty.
    """
    try:
        examples = list(Corpus(corpus)(nlp))
    except (ValueError, KeyError, OSError, zlib.error) as err:
        raise XinzhiError(
            f"{corpus} cannot be read as a spaCy corpus: {err}",
            "Make it again with: xinzhi convert FILE.jsonl FOLDER",
        ) from err
    if not examples:
        raise XinzhiError(f"{corpus} holds no documents.", "Check what was converted.")
    return examples


def _check_gold(nlp: Language, examples: Sequence[Example], corpus: str | Path) -> None:
    """RAISES (XinzhiError): The corpus carries nothing, or is marked as fully annotated with
    entities but has none, which is nearly always a mistake."""
    has_ents = any(eg.reference.ents for eg in examples)
    marked = any(eg.reference.has_annotation("ENT_IOB") for eg in examples)
    has_others = any(eg.reference.cats or has_values(eg.reference) for eg in examples)
    if predicts_entities(nlp) and not has_ents and (marked or not has_others):
        raise XinzhiError(
            f"No document in {corpus} carries an entity, but the pipeline predicts entities: "
            "there is nothing to compare with.",
            "Check that the spans were converted (xinzhi check), or mark the entities as missing.",
        )
    if not has_ents and not has_others:
        raise XinzhiError(
            f"The documents in {corpus} carry no entities, no categories and no scores.",
            "Check what was converted.",
        )


def _check_scored(tasks: Mapping[str, Any], corpus: str | Path) -> None:
    """RAISES (XinzhiError): The pipeline predicts nothing that the corpus carries."""
    found = [tasks["entities"], *tasks["heads"].values(), *tasks["scores"].values()]
    if not any(found):
        carried = [*tasks["heads"], *tasks["scores"]] or ["entities"]
        raise XinzhiError(
            f"The pipeline predicts nothing of what the documents in {corpus} carry "
            f"({', '.join(carried)}).",
            "Name the pipeline that was trained on such data.",
        )


def _speed(examples: Sequence[Example], seconds: float) -> dict[str, float]:
    words = sum(len(eg.predicted) for eg in examples)
    characters = sum(len(eg.predicted.text) for eg in examples)
    return {
        "seconds": seconds,
        "words_per_second": words / seconds,
        "characters_per_second": characters / seconds,
    }


def _counts(examples: Sequence[Example]) -> dict[str, int]:
    return {
        "documents": len(examples),
        "words": sum(len(eg.predicted) for eg in examples),
        "characters": sum(len(eg.predicted.text) for eg in examples),
        "gold_entities": sum(len(eg.reference.ents) for eg in examples),
        "predicted_entities": sum(len(eg.predicted.ents) for eg in examples),
    }


def _run_info(nlp: Language, corpus: str | Path) -> dict[str, Any]:
    from thinc.api import get_current_ops

    return {
        "pipeline": f"{nlp.meta['lang']}_{nlp.meta['name']} {nlp.meta['version']}",
        "corpus": Path(corpus).as_posix(),
        "date": datetime.now(timezone.utc).date().isoformat(),
        "hardware": {
            "device": "cpu" if get_current_ops().device_type == "cpu" else "gpu",
            "machine": platform.machine(),
            "system": platform.system(),
            "cores": _cores(),
        },
        "versions": {"python": platform.python_version(), **installed_versions(PACKAGES)},
    }


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
