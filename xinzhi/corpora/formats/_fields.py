"""The parts of a record, checked, as the JSON formats and the tables hold them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...head_keys import join_key, split_key
from ..record import HeadValue, Record, SpanTuple, head_values
from ._base import ReadOptions
from ._json import Invalid, kind, shown

# The usual names of the text, by which it is found unless the user names it.
TEXT_NAMES = (
    *("text", "data", "content", "sentence", "originalText", "query", "question", "title"),
    *("review", "comment", "文本", "内容", "正文", "评论", "句子"),
)
LABEL = "label"  # the head of labels that come without the name of one
MARK = "xinzhi"  # a field that tools keep; it says what a format has no place for
_START = ("start", "start_offset", "start_pos", "start_idx", "begin")
_END = ("end", "end_offset", "end_pos", "end_idx")
_LABEL = ("label", "labels", "type", "label_type", "entity_type", "tag")
_SURFACE = ("text", "entity", "mention", "word", "value")


def text_name(names: Iterable[str], options: ReadOptions) -> str:
    """Which field or column holds the text.

    names (Iterable[str]): The fields there are.
    options (ReadOptions): May name it.
    RETURNS (str): The name.
    RAISES (Invalid): If there is none, or there are several and none is called "text".
    """
    there = set(names)
    if options.text is not None:
        if options.text in there:
            return options.text
        raise Invalid(f"the text is missing: there is no '{options.text}'")
    found = [name for name in TEXT_NAMES if name in there]
    if "text" in there or len(found) == 1:
        return found[0]
    if found:
        raise Invalid(f"which is the text: {', '.join(found)}? name it with --text-field")
    raise Invalid("the text is missing; name its field with --text-field, if it has another name")


def get_text(fields: Mapping[str, Any], name: str) -> str:
    """RETURNS (str): The text in a field.

    RAISES (Invalid): If it is missing, empty or not a string.
    """
    text = fields.get(name)
    if text is None or text == "":
        raise Invalid("the text is missing" if text is None else "the text is empty")
    if not isinstance(text, str):
        raise Invalid(f"'{name}' must be a string, found {kind(text)}")
    return text


def get_id(fields: Mapping[str, Any], default: str | int, name: str = "id") -> str | int:
    """RETURNS (str | int): The id in a field, or the default.

    RAISES (Invalid): If it is neither a string nor an integer.
    """
    value = fields.get(name)
    if value is None:
        return default
    if not is_id(value):
        raise Invalid(f"'{name}' must be a string or an integer, found {kind(value)}")
    return value


def is_id(value: Any) -> bool:
    """Whether a JSON value can identify a record."""
    return isinstance(value, str | int) and not isinstance(value, bool)


def get_mapping(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    """RETURNS (dict): The object in a field; empty if it is absent or null.

    RAISES (Invalid): If it is anything else.
    """
    value = fields.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid(f"'{name}' must be an object, found {kind(value)}")
    return value


def get_list(fields: Mapping[str, Any], name: str) -> list[Any]:
    """RETURNS (list): The list in a field; empty if it is absent or null.

    RAISES (Invalid): If it is anything else.
    """
    value = fields.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Invalid(f"'{name}' must be a list, found {kind(value)}")
    return value


def get_span(name: str, item: Any) -> tuple[SpanTuple, str | None]:
    """Read one entity: [start, end, label], or an object with any of the usual keys.

    name (str): The field, for the message.
    item (Any): The entity.
    RETURNS (tuple): The span as it is written there, and the words it is said to cover, if any.
    RAISES (Invalid): If it is not an entity.
    """
    match item:
        case [int(start), int(end), str(label)] if label and not _bools(start, end):
            return (start, end, label), None
        case dict():
            start, end, label = (_first(item, keys) for keys in (_START, _END, _LABEL))
            if isinstance(label, list) and len(label) == 1:
                (label,) = label
            if isinstance(label, int) and not isinstance(label, bool):
                label = str(label)  # very old doccano: the number of the label
            match start, end, label:
                case int(), int(), str() if label and not _bools(start, end):
                    surface = _first(item, _SURFACE)
                    return (start, end, label), surface if isinstance(surface, str) else None
    raise Invalid(f"'{name}' must hold [start, end, label] with two integers, found {shown(item)}")


def get_head(head: str, value: Any) -> HeadValue:
    """RETURNS (HeadValue): The gold value of a head.

    RAISES (Invalid): If it is not one.
    """
    match value:
        case str() if value:
            return value
        case list() if all(isinstance(label, str) and label for label in value):
            if len(set(value)) < len(value):
                raise Invalid(f"head '{head}' names a label twice")
            return value
        case dict() if all(value) and all(is_number(v) and 0 <= v <= 1 for v in value.values()):
            return {label: float(v) for label, v in value.items()}
    raise Invalid(
        f"head '{head}' must be a label, a list of labels, or an object from label to a value "
        f"from 0 to 1, found {shown(value)}"
    )


def get_class(head: str, value: Any) -> HeadValue:
    """RETURNS (HeadValue): A gold value, which outside our own format may be a number's.

    RAISES (Invalid): If it is not one.
    """
    number = isinstance(value, int) and not isinstance(value, bool)
    return get_head(head, str(value) if number else value)


def get_score(name: str, value: Any) -> float:
    """RETURNS (float): The value of a score.

    RAISES (Invalid): If it is not a number.
    """
    if not is_number(value):
        raise Invalid(f"score '{name}' must be a number, found {kind(value)}")
    return float(value)


def is_number(value: Any) -> bool:
    """Whether a JSON value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def named_values(
    fields: Mapping[str, Any], options: ReadOptions
) -> tuple[dict[str, HeadValue], dict[str, float]]:
    """RETURNS (tuple): The heads and the scores whose fields the user named."""
    heads = {
        head: get_class(head, fields[name])
        for name, head in options.heads.items()
        if fields.get(name) is not None
    }
    scores = {
        score: get_score(score, fields[name])
        for name, score in options.scores.items()
        if fields.get(name) is not None
    }
    return heads, scores


def marked_heads(labels: Iterable[str], heads: Iterable[str]) -> dict[str, HeadValue]:
    """Sort labels that carry the name of their head.

    labels (Iterable[str]): "HEAD/LABEL".
    heads (Iterable[str]): The heads that were annotated.
    RETURNS (dict): Head to the list of its labels; empty for a head without one.
    """
    sorted_: dict[str, list[str]] = {head: [] for head in heads}
    for text in labels:
        head, label = split_key(text)
        if head in sorted_:
            sorted_[head].append(label)
        else:  # a label that was added in the tool
            sorted_.setdefault(LABEL, []).append(text)
    return dict(sorted_)


def true_labels(record: Record) -> Iterator[tuple[str, str]]:
    """YIELDS (tuple): Head and label of every label that is rather true than not."""
    for head, value in record.cats.items():
        yield from ((head, label) for label, number in head_values(value) if number >= 0.5)


def confidence_texts(record: Record) -> dict[str, float]:
    """How sure a pipeline was of what it predicted, for a person to read.

    record (Record): A record with predictions.
    RETURNS (dict): "LABEL: words" or "HEAD/LABEL" to the probability, to three digits.
    """
    texts = {}
    chosen = {*true_labels(record), *(record.spans or ())}
    for key, value in record.confidence.items():
        if key not in chosen:
            continue
        if len(key) == 3:
            start, end, label = key
            texts[f"{label}: {record.text[start:end]}"] = round(value, 3)
        else:
            texts[join_key(*key)] = round(value, 3)
    return texts


def _first(item: Mapping[str, Any], keys: Iterable[str]) -> Any:
    return next((item[key] for key in keys if item.get(key) is not None), None)


def _bools(*values: Any) -> bool:
    return any(isinstance(value, bool) for value in values)
