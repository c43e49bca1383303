"""What the scores were measured on, and with what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc

from ...files import sha256_of
from ...head_keys import PLAIN, group_cats
from .slices import metadata

QUANTILES = {"min": 0.0, "median": 0.5, "p95": 0.95, "max": 1.0}
VALUES_SHOWN = 8


def describe_corpus(path: Path, docs: Sequence[Doc]) -> dict[str, Any]:
    """Describe an annotated corpus.

    path (Path): Its file or folder.
    docs (Sequence[Doc]): Its documents.
    RETURNS (dict): "path", "sha256" (of one file), "documents", "characters", "entities" (label ->
        number), "without_entities", "not_annotated" (documents without entity annotation),
        "entity_lengths" and "length_quantiles" (in characters), "lengths" (length of a text ->
        number), "heads" (head -> label -> number),
        "metadata" (field -> value -> number; a field with many values has None).
    """
    annotated = [doc for doc in docs if doc.has_annotation("ENT_IOB")]
    lengths = [len(doc.text) for doc in docs]
    surfaces = [len(ent.text) for doc in docs for ent in doc.ents]
    return {
        "path": path.as_posix(),
        "sha256": sha256_of(path) if path.is_file() else None,
        "documents": len(docs),
        "characters": sum(lengths),
        "entities": _sorted(Counter(ent.label_ for doc in docs for ent in doc.ents)),
        "without_entities": sum(not doc.ents for doc in annotated),
        "not_annotated": len(docs) - len(annotated),
        "entity_lengths": _quantiles(surfaces),
        "length_quantiles": _quantiles(lengths),
        "lengths": {str(length): n for length, n in sorted(Counter(lengths).items())},
        "heads": _heads(docs),
        "metadata": _metadata(docs),
    }


def shared_texts(docs: Sequence[Doc], training: Sequence[Doc]) -> int:
    """RETURNS (int): How many of the documents have a text that occurs in training, too."""
    known = {doc.text for doc in training}
    return sum(doc.text in known for doc in docs)


def describe_pipeline(nlp: Language) -> dict[str, Any]:
    """RETURNS (dict): "name", "components" (name -> factory), "labels", "calibration",
    "megabytes" (of its folder; None if it was not read from one)."""
    factories = {name: nlp.get_pipe_meta(name).factory for name in nlp.pipe_names}
    return {
        "name": f"{nlp.meta['lang']}_{nlp.meta['name']} {nlp.meta['version']}",
        "components": factories,
        "labels": {name: list(labels) for name, labels in nlp.pipe_labels.items() if labels},
        "calibration": nlp.meta.get("calibration"),
        "megabytes": _megabytes(nlp.path),
    }


def _heads(docs: Sequence[Doc]) -> dict[str, dict[str, int]]:
    heads: dict[str, Counter[str]] = {}
    for doc in docs:
        for head, values in group_cats(doc.cats, plain=PLAIN).items():
            counter = heads.setdefault(head, Counter())
            counter.update({label: int(value >= 0.5) for label, value in values.items()})
    return {head: _sorted(counter) for head, counter in sorted(heads.items())}


def _metadata(docs: Sequence[Doc]) -> dict[str, dict[str, int] | None]:
    fields = {}
    for field, values in metadata(docs).items():
        counter = Counter(map(str, values.values()))
        few = len(counter) <= VALUES_SHOWN
        fields[field] = dict(counter.most_common()) if few else None
    return fields


def _quantiles(values: Sequence[int]) -> dict[str, float] | None:
    if not values:
        return None
    found = np.quantile(values, list(QUANTILES.values()), method="nearest").tolist()
    return {**dict(zip(QUANTILES, found, strict=True)), "mean": float(np.mean(values))}


def _sorted(counter: Counter[str]) -> dict[str, int]:
    return dict(sorted(counter.items()))


def _megabytes(path: Path | None) -> float | None:
    if path is None:
        return None
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) / 1e6
