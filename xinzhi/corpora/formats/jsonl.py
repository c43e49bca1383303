"""JSON Lines in the doccano shape, with heads and scores.

    {"id": 1, "text": "…", "label": [[start, end, "LABEL"], …], "cats": {"topic": "…"},
     "scores": {"urgency": 0.4}, "meta": {…}}

See docs/data-format.md for the meaning of each field and of its absence.
"""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..record import HeadValue, Problem, Record, SpanTuple
from ._base import EVERYTHING, ReadOptions, Sample

FIELDS = {"id", "text", "label", "entities", "cats", "scores", "meta"}


class Invalid(ValueError):
    """A line that is not a record; the message says why."""


class JsonlFormat:
    """Reads JSON Lines. `JSONL` is the registered instance."""

    name = "jsonl"
    help = 'JSON Lines, one {"id", "text", "label", "cats", "scores", "meta"} object per line'

    holds = EVERYTHING

    def sniff(self, sample: Sample) -> float:
        """By suffix, or because the first character is an opening brace."""
        named = sample.suffix in {".jsonl", ".ndjson"}
        return 0.3 * (named or sample.text.lstrip().startswith("{"))

    def read(self, path: Path, options: ReadOptions) -> Iterator[Record | Problem]:
        """Stream the file line by line; blank lines are skipped."""
        blank = True
        with path.open("rb") as file_:
            for number, raw in enumerate(file_, start=1):
                if number == 1:
                    raw = raw.removeprefix(codecs.BOM_UTF8)
                if raw.strip():
                    blank = False
                    yield read_line(raw, path, number)
        if blank:
            yield Problem("the file holds no records, only blank lines", path)


JSONL = JsonlFormat()


def read_line(raw: bytes, path: Path, number: int) -> Record | Problem:
    """Read one line.

    raw (bytes): The line.
    path (Path): Its file.
    number (int): Its number in the file, from 1.
    RETURNS (Record | Problem): The record, or what is wrong with it.
    """
    record_id = None
    try:
        fields = _parse(raw)
        record_id = fields.get("id")
        return _record(fields, path, number)
    except Invalid as err:
        return Problem(str(err), path, number, record_id if _is_id(record_id) else None)


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        value = _DECODER.decode(raw.decode("utf8"))
        if b"\\u" in raw:
            json.dumps(value, ensure_ascii=False).encode("utf8")
    except UnicodeDecodeError as err:
        byte = raw[err.start]
        raise Invalid(
            f"not UTF-8 (byte 0x{byte:02x} at position {err.start}); save the file as UTF-8"
        ) from err
    except UnicodeEncodeError as err:
        raise Invalid("an escape stands for half a character (a lone surrogate)") from err
    except json.JSONDecodeError as err:
        raise Invalid(f"malformed JSON: {err.msg}, column {err.colno}") from err
    except RecursionError as err:
        raise Invalid("malformed JSON: nested too deeply") from err
    if not isinstance(value, dict):
        raise Invalid(f"expected a JSON object, found {_kind(value)}")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a repeated key, of which Python would silently keep the last value."""
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise Invalid(f"the key {twice!r} occurs twice in one JSON object")
    return result


def _no_constant(name: str) -> float:
    raise Invalid(f"malformed JSON: {name} is not a JSON number")


def _integer(digits: str) -> int:
    """Integers of 64 bits, which is what DocBin can store."""
    if len(digits) > 20 or not -(2**63) <= int(digits) < 2**64:
        raise Invalid(f"the integer {digits[:20]}… needs more than 64 bits")
    return int(digits)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_integer
)


def _record(fields: dict[str, Any], path: Path, number: int) -> Record:
    record_id = fields.get("id")
    if record_id is not None and not _is_id(record_id):
        raise Invalid(f"'id' must be a string or an integer, found {_kind(record_id)}")
    meta = _mapping(fields, "meta")
    return Record(
        id=number if record_id is None else record_id,
        text=_text(fields),
        source=path,
        line=number,
        spans=_spans(fields),
        cats={
            head: _head(head, v) for head, v in _mapping(fields, "cats").items() if v is not None
        },
        scores={name: _score(name, v) for name, v in _mapping(fields, "scores").items()},
        meta=meta,
        ignored=sorted(set(fields) - FIELDS),
    )


def _text(fields: dict[str, Any]) -> str:
    text = fields.get("text")
    if text is None or text == "":
        raise Invalid("the text is missing" if text is None else "the text is empty")
    if not isinstance(text, str):
        raise Invalid(f"'text' must be a string, found {_kind(text)}")
    return text


def _spans(fields: dict[str, Any]) -> list[SpanTuple] | None:
    if "label" in fields and "entities" in fields:
        raise Invalid("both 'label' and 'entities' are given; keep one")
    key = "entities" if "entities" in fields else "label"
    items = fields.get(key)
    if items is None:
        return None
    if not isinstance(items, list):
        raise Invalid(f"'{key}' must be a list of [start, end, label], found {_kind(items)}")
    return [_span(key, item) for item in items]


def _span(key: str, item: Any) -> SpanTuple:
    match item:
        case [int(start), int(end), str(label)] if label:
            if not isinstance(start, bool) and not isinstance(end, bool):
                return start, end, label
    shown = json.dumps(item, ensure_ascii=False)
    raise Invalid(f"'{key}' must hold [start, end, label] with two integers, found {shown}")


def _mapping(fields: dict[str, Any], key: str) -> dict[str, Any]:
    value = fields.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid(f"'{key}' must be an object, found {_kind(value)}")
    return value


def _head(head: str, value: Any) -> HeadValue:
    match value:
        case str() if value:
            return value
        case list() if all(isinstance(label, str) and label for label in value):
            if len(set(value)) < len(value):
                raise Invalid(f"head '{head}' names a label twice")
            return value
        case dict() if all(value) and all(_is_number(v) and 0 <= v <= 1 for v in value.values()):
            return {label: float(v) for label, v in value.items()}
    raise Invalid(
        f"head '{head}' must be a label, a list of labels, or an object from label to a value "
        f"from 0 to 1, found {json.dumps(value, ensure_ascii=False)}"
    )


def _score(name: str, value: Any) -> float:
    if not _is_number(value):
        raise Invalid(f"score '{name}' must be a number, found {_kind(value)}")
    return float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_id(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _kind(value: Any) -> str:
    names = {
        str: "a string",
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
        type(None): "null",
    }
    return names[type(value)]
