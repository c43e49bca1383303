"""What a pipeline predicted for one text, as plain data: JSON values only, no spaCy objects."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from spacy.tokens import Doc, Span

from .head_keys import group_cats

CUSTOM = ("decisions", "scores", "abstained", "answers")  # attributes of our components, if set


def plain_doc(doc: Doc) -> dict[str, Any]:
    """The predictions of a document. Offsets are in code points, ends exclusive.

    doc (Doc): The document, after the pipeline.
    RETURNS (dict): "entities" (start, end, label, text, confidence; "id" where an entity linker or
        ruler set one), "heads" (head -> label -> probability), "cats" (`doc.cats`), and, where they
        are not empty, "spans" (name of the group -> spans), "decisions", "scores", "abstained" and
        "answers".
    """
    found: dict[str, Any] = {
        "entities": [plain_span(ent) for ent in doc.ents],
        "heads": group_cats(doc.cats),
        "cats": dict(doc.cats),
    }
    groups = {name: [plain_span(span) for span in doc.spans[name]] for name in doc.spans}
    found.update({"spans": groups} if groups else {})
    for name in CUSTOM:
        value = getattr(doc._, name) if Doc.has_extension(name) else None
        if value:
            found[name] = value
    return plain(found)


def plain_span(span: Span) -> dict[str, Any]:
    """RETURNS (dict): Offsets, label, text and confidence (None if it has none) of a span."""
    confidence = span._.confidence if Span.has_extension("confidence") else None
    identity = {"id": span.ent_id_} if span.ent_id_ else {}
    alternatives = span._.alternatives if Span.has_extension("alternatives") else None
    return {
        "start": span.start_char,
        "end": span.end_char,
        "label": span.label_,
        "text": span.text,
        "confidence": confidence,
        **identity,
        **({"alternatives": alternatives} if alternatives else {}),
    }


def plain(value: Any) -> Any:
    """RETURNS (Any): The value with NumPy numbers, arrays, tuples and sets as JSON values; JSON has
    no NaN and no infinity, they become None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
