"""Everything the report says, as one dictionary that is fit for JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc

from ...components.score_scorer import value_pairs
from ...training.checks import check_corpus
from ..evaluate import Predictions, read_examples
from ..intervals import mean_interval
from .cases import Cases, collect
from .data_card import describe_corpus, describe_pipeline, shared_texts
from .entities import entity_detail
from .heads import head_detail
from .run_log import find_run, read_run
from .slices import slice_scores, surface_scores
from .worst import worst_documents

PAIRS = 500  # gold and predicted values of a score that are drawn


def build_report(
    predictions: Predictions,
    scores: dict[str, Any],
    *,
    train: Path | None = None,
    run: Path | None = None,
) -> dict[str, Any]:
    """Compute the whole report.

    predictions (Predictions): A corpus with the predictions of a pipeline.
    scores (dict): What `score` says of them.
    train (Path): The corpus trained on, for what it has seen; a .spacy file or a folder.
    run (Path): The run folder of the training; the one beside the pipeline's folder, if None.
    RETURNS (dict): The scores, with more under "entities" (see `entities`) and
        "heads" (see `heads`), and "values", "slices", "surfaces", "worst", "training" and "data".
    RAISES (XinzhiError): The corpus trained on or the run cannot be read.
    """
    nlp = predictions.nlp
    cases = collect(predictions)
    seen = _training_docs(nlp, train)
    run = run or find_run(nlp.path)
    surfaces = seen is not None and cases.entities is not None
    return {
        **scores,
        "entities": _entities(scores["entities"], cases),
        "heads": _heads(scores["heads"], cases),
        "values": _values(cases),
        "slices": slice_scores(cases),
        "surfaces": surface_scores(cases.entities or [], seen or []) if surfaces else None,
        "worst": worst_documents(cases),
        "training": read_run(run) if run is not None else None,
        "data": _data(predictions, train, seen),
    }


def _training_docs(nlp: Language, train: Path | None) -> list[Doc] | None:
    if train is None:
        return None
    check_corpus(train, "the corpus trained on (--train)")
    return [example.reference for example in read_examples(nlp, train)]


def _entities(scores: dict[str, Any] | None, cases: Cases) -> dict[str, Any] | None:
    if scores is None or cases.entities is None:
        return None
    return {**scores, **entity_detail(cases.entities, cases.labels)}


def _heads(scores: dict[str, Any], cases: Cases) -> dict[str, Any]:
    return {
        head: {**values, **head_detail(head, cases.heads[head], cases.examples)} if values else None
        for head, values in scores.items()
    }


def _values(cases: Cases) -> dict[str, Any]:
    """Gold and predicted values of each score, and the interval of the mean absolute error."""
    found = {}
    for name, pairs in value_pairs(cases.examples).items():
        if pairs:
            errors = np.abs(np.diff(np.array(pairs), axis=1))
            shown = [list(pair) for pair in pairs[:PAIRS]]
            found[name] = {"mae_interval": mean_interval(errors[:, 0]), "pairs": shown}
    return found


def _data(predictions: Predictions, train: Path | None, seen: list[Doc] | None) -> dict[str, Any]:
    docs = [example.reference for example in predictions.examples]
    card: dict[str, Any] = {
        "corpus": describe_corpus(predictions.corpus, docs),
        "training": None,
        "pipeline": describe_pipeline(predictions.nlp),
    }
    if train is not None and seen is not None:
        shared = {"shared_texts": shared_texts(docs, seen)}
        card["training"] = {**describe_corpus(train, seen), **shared}
    return card
