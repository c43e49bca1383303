"""What a pipeline predicted for one text, as plain data: JSON values only, no spaCy objects."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from spacy.tokens import Doc, Span, SpanGroup

from .head_keys import group_cats, split_key

DOC_TABLES = ("scores", "abstained", "decisions")  # custom attributes that hold name -> value
Offset = Callable[[int], int]


@dataclass(frozen=True)
class ResultOptions:
    """What a caller wants to see.

    utf16 (bool): Offsets in UTF-16 code units, else in code points.
    heads (frozenset): The heads; None: all.
    alternatives (bool): Next-best labels of entities.
    digits (int): Decimals of every number that is not an offset; None: all that there are.
    """

    utf16: bool = False
    heads: frozenset[str] | None = None
    alternatives: bool = False
    digits: int | None = None


def to_plain(doc: Doc, options: ResultOptions) -> dict[str, Any]:
    """Turn a processed document into plain data.

    doc (Doc): The document.
    options (ResultOptions): What to include.
    RETURNS (dict): length, entities, heads, cats, scores, abstained, decisions, answers, spans.
    """
    offset = offsets_of(doc.text, options.utf16)
    cats = {k: v for k, v in doc.cats.items() if _wanted(split_key(k)[0], options.heads)}
    cats = to_json_values({key: float(value) for key, value in cats.items()})
    tables = {name: to_json_values(attribute(doc, name, {})) for name in DOC_TABLES}
    if options.heads is not None:
        for name in ("abstained", "decisions"):
            tables[name] = {k: v for k, v in tables[name].items() if k in options.heads}
    for reason in tables["abstained"].values():
        move_offsets(reason, offset)
    plain = {
        "length": offset(len(doc.text)),
        "entities": [entity(span, offset, options.alternatives) for span in doc.ents],
        "heads": group_cats(cats),
        "cats": cats,
        **tables,
        "answers": to_json_values(attribute(doc, "answers", [])),
        "spans": {key: span_group(group, offset) for key, group in doc.spans.items()},
    }
    return plain if options.digits is None else rounded(plain, options.digits)


def rounded(value: Any, digits: int) -> Any:
    """RETURNS (Any): A JSON value, its numbers that are not whole rounded to so many decimals."""
    if isinstance(value, float):
        return round(value, digits)
    if isinstance(value, dict):
        return {key: rounded(item, digits) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item, digits) for item in value]
    return value


def entity(span: Span, offset: Offset, alternatives: bool) -> dict[str, Any]:
    """RETURNS (dict): start, end, label, text, confidence (None if the component gives none)."""
    plain = plain_span(span, offset)
    plain["confidence"] = to_json_values(attribute(span, "confidence", None))
    if span.ent_id_:
        plain["id"] = span.ent_id_
    if alternatives:
        plain["alternatives"] = to_json_values(attribute(span, "alternatives", None))
    return plain


def plain_span(span: Span, offset: Offset) -> dict[str, Any]:
    """RETURNS (dict): start, end, label, text."""
    return {
        "start": offset(span.start_char),
        "end": offset(span.end_char),
        "label": span.label_,
        "text": span.text,
    }


def span_group(group: SpanGroup, offset: Offset) -> list[dict[str, Any]]:
    """RETURNS (list): The spans, with the scores that spaCy's span categorizer gives."""
    plain = [plain_span(span, offset) for span in group]
    scores = group.attrs.get("scores")
    if scores is not None and len(scores) == len(plain):
        for span, score in zip(plain, scores, strict=True):
            span["confidence"] = float(score)
    return plain


def attribute(thing: Doc | Span, name: str, default: Any) -> Any:
    """RETURNS (Any): A custom attribute; the default if no component has registered it."""
    return getattr(thing._, name) if type(thing).has_extension(name) else default


def _wanted(head: str, heads: frozenset[str] | None) -> bool:
    return heads is None or head in heads


def offsets_of(text: str, utf16: bool) -> Offset:
    """RETURNS (Callable): From an offset in code points to one in the wanted unit."""
    if not utf16 or text.isascii() or max(text) <= "\uffff":
        return int
    table = [0, *accumulate(2 if char > "\uffff" else 1 for char in text)]
    return table.__getitem__


def move_offsets(reason: Any, offset: Offset) -> None:
    """Convert the offsets of entities that were left out (`doc._.abstained`), in place."""
    listed = reason.get("entities", []) if isinstance(reason, dict) else []
    for dropped in listed:
        dropped["start"], dropped["end"] = offset(dropped["start"]), offset(dropped["end"])


def to_json_values(value: Any) -> Any:
    """RETURNS (Any): A copy made of what JSON knows: NumPy scalars and arrays become numbers, NaN
    and infinity None."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(key): to_json_values(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        return to_json_values(value.tolist())
    if isinstance(value, Iterable):
        return [to_json_values(item) for item in value]
    return str(value)
