"""JSON Lines with offsets: our own format, which holds everything, and its many relatives.

    {"id": 1, "text": "…", "label": [[start, end, "LABEL"], …], "cats": {"topic": "…"},
     "scores": {"urgency": 0.4}, "meta": {…}}

See docs/data-format.md for the meaning of each field and of its absence. `entities` is another
name for `label`; a `label` that is a string, or a list of strings, is that of the head "label"; an
entity may be an object with the usual keys (start, start_offset, start_idx, …).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ..record import HeadValue, Problem, Record, SpanTuple
from ._base import EVERYTHING, ReadOptions, Sample, WriteOptions
from ._fields import (
    LABEL,
    TEXT_NAMES,
    get_class,
    get_head,
    get_id,
    get_list,
    get_mapping,
    get_score,
    get_span,
    get_text,
    named_values,
    text_name,
)
from ._json import Invalid, kind, read_made, sample_objects
from ._text import open_new

SPAN_FIELDS = ("entities", "label", "labels", "annotations", "spans")
FIELDS = {"id", "cats", "scores", "meta", "annotator", "unknown", "model"}


class JsonlFormat:
    """Reads and writes JSON Lines. `JSONL` is the registered instance."""

    name = "jsonl"
    help = 'JSON Lines, one {"id", "text", "label", "cats", "scores", "meta"} object per line'
    holds = EVERYTHING
    suffix = ".jsonl"

    def sniff(self, sample: Sample) -> float:
        """Objects with a text, unless a more special format knows them."""
        objects = sample_objects(sample)
        if any(not set(TEXT_NAMES).isdisjoint(fields) for fields in objects):
            return 0.3
        named = sample.suffix in {".jsonl", ".ndjson"}
        return 0.1 if named or objects or sample.text.lstrip().startswith("{") else 0.0

    def read(self, path: Path, options: ReadOptions) -> Iterator[Record | Problem]:
        """Stream the objects of the file."""
        classes = label_is_head(Sample.of(path))

        def make(fields: dict[str, Any], line: int) -> Iterator[Record | Problem]:
            if fields.get("model"):
                model = fields["model"]
                fact = f"predicted by {model}, not reviewed; delete 'model' from corrected records"
                yield Problem(fact, path, line, fields.get("id"), "skipped")
            else:
                yield make_record(fields, path, line, options, classes)

        yield from read_made(path, options, make)

    def write(
        self,
        records: Iterable[Record],
        path: Path,
        options: WriteOptions,
        lose: Callable[[Problem], None],
    ) -> None:
        """One object per line."""
        with open_new(path) as file:
            for record in records:
                file.write(json.dumps(to_fields(record), ensure_ascii=False) + "\n")


JSONL = JsonlFormat()


def label_is_head(sample: Sample) -> bool:
    """Whether an empty `label` list means "no class", as other records name classes there."""
    labels = [fields.get(LABEL, fields.get("labels")) for fields in sample_objects(sample)]
    return any(_is_class(label) and label != [] for label in labels)


def make_record(
    fields: dict[str, Any], path: Path, line: int, options: ReadOptions, classes: bool
) -> Record:
    """Make a record of one object.

    fields (dict): The object.
    path (Path): Its file.
    line (int): Its line there; also its id if it has none.
    options (ReadOptions): May name the text, heads and scores.
    classes (bool): Whether an empty `label` list is one of classes.
    RETURNS (Record): The record.
    RAISES (Invalid): If something is wrong with it.
    """
    name = text_name(fields, options)
    heads, scores = named_values(fields, options)
    used = {name, *options.heads, *options.scores}
    spans, surfaces, default_head, names = _label_fields(fields, used, classes)
    cats = {h: get_head(h, v) for h, v in get_mapping(fields, "cats").items() if v is not None}
    record = Record(
        id=get_id(fields, line),
        text=get_text(fields, name),
        source=path,
        line=line,
        spans=spans,
        cats=default_head | cats | heads,
        scores={n: get_score(n, v) for n, v in get_mapping(fields, "scores").items()} | scores,
        meta=get_mapping(fields, "meta"),
        annotator=_annotator(fields),
        unknown=[(start, end) for start, end in get_list(fields, "unknown")],
        relations=len(get_list(fields, "relations")),
        surfaces=surfaces,
    )
    record.ignored = sorted(set(fields) - FIELDS - used - names - {"relations"})
    return record


def to_fields(record: Record) -> dict[str, Any]:
    """RETURNS (dict): The object that `make_record` reads back as the same record."""
    fields: dict[str, Any] = {"id": record.id, "text": record.text}
    if record.spans is not None:
        fields["label"] = [_written_span(record, span) for span in record.spans]
    optional = ("cats", "scores", "meta", "annotator", "unknown", "model")
    return fields | {name: value for name in optional if (value := getattr(record, name))}


def _written_span(record: Record, span: SpanTuple) -> Any:
    if span not in record.confidence:
        return list(span)
    names = ("start", "end", "label", "confidence")
    return dict(zip(names, (*span, record.confidence[span]), strict=True))


def _label_fields(
    fields: dict[str, Any], used: set[str], classes: bool
) -> tuple[list[SpanTuple] | None, dict[SpanTuple, str], dict[str, HeadValue], set[str]]:
    """The entities, the words they are said to cover, the head "label", and the fields read."""
    spans: list[SpanTuple] | None = None
    surfaces: dict[SpanTuple, str] = {}
    heads: dict[str, HeadValue] = {}
    names = {name for name in SPAN_FIELDS if name in fields and name not in used}
    found = [name for name in SPAN_FIELDS if name in names and fields[name] is not None]
    for name in found:
        value = fields[name]
        if _is_class(value) and (value != [] or (classes and name in (LABEL, "labels"))):
            heads[LABEL] = get_class(LABEL, value)
            continue
        if not isinstance(value, list):
            fact = f"'{name}' must be a list of [start, end, label], found {kind(value)}"
            raise Invalid(fact)
        if spans is not None:
            raise Invalid("both 'label' and 'entities' are given; keep one")
        read = [get_span(name, item) for item in value]
        spans = [span for span, _ in read]
        surfaces = {span: words for span, words in read if words is not None}
    return spans, surfaces, heads, names


def _is_class(value: Any) -> bool:
    """A class, a number that stands for one, or a list of classes."""
    if isinstance(value, list):
        return all(isinstance(item, str) for item in value)
    return isinstance(value, str | int) and not isinstance(value, bool)


def _annotator(fields: dict[str, Any]) -> str | None:
    value = fields.get("annotator")
    return None if value is None else str(value)
