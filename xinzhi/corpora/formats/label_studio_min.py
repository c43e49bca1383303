"""Label Studio JSON-MIN: one flat object per annotation.

Label Studio writes the fields of the task, then `id`, then the annotations by the names of their
tags, then `annotator` and other facts about the work; the order tells them apart.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ..record import Problem, Record
from ._base import ReadOptions, Sample, WriteOptions
from ._fields import (
    MARK,
    get_head,
    get_id,
    get_mapping,
    get_span,
    get_text,
    is_number,
    named_values,
    text_name,
    true_labels,
)
from ._json import read_made, sample_objects, shown
from ._text import open_new

AFTER = ("annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement")
ENTITIES = "label"


class LabelStudioMinFormat:
    """Reads and writes JSON-MIN. `LABEL_STUDIO_MIN` is the registered instance."""

    name = "label-studio-min"
    help = "Label Studio JSON-MIN: one flat object per annotation"
    holds = frozenset({"entities", "overlaps", "cats", "scores", "meta", "id", "annotator"})
    suffix = ".json"

    def sniff(self, sample: Sample) -> float:
        """By the facts about the work."""
        objects = sample_objects(sample)
        return 0.95 if any({"annotator", "annotation_id"} <= set(item) for item in objects) else 0.0

    def read(self, path: Path, options: ReadOptions) -> Iterator[Record | Problem]:
        """Stream the annotations."""
        spans = any(
            _is_spans(value) for item in sample_objects(Sample.of(path)) for value in item.values()
        )

        def make(fields: dict[str, Any], line: int) -> Iterator[Record]:
            yield _read(fields, path, line, options, spans)

        yield from read_made(path, options, make)

    def write(
        self,
        records: Iterable[Record],
        path: Path,
        options: WriteOptions,
        lose: Callable[[Problem], None],
    ) -> None:
        """An array of annotations."""
        taken = {*options.heads, *options.scores, *options.metas}
        entities = ENTITIES if ENTITIES not in taken else "entities"
        with open_new(path) as file:
            separator = "[\n"
            for number, record in enumerate(records, start=1):
                fields = _written(record, number, entities, lose)
                file.write(separator + json.dumps(fields, ensure_ascii=False))
                separator = ",\n"
            file.write("\n]\n" if separator == ",\n" else "[]\n")


LABEL_STUDIO_MIN = LabelStudioMinFormat()


def _read(
    fields: dict[str, Any], path: Path, line: int, options: ReadOptions, has_spans: bool
) -> Record:
    names = list(fields)
    first = names.index("id") + 1 if "id" in fields else 0
    last = min((names.index(name) for name in AFTER if name in fields), default=len(names))
    data = {name: fields[name] for name in names[: max(first - 1, 0)]}
    name = text_name(data or fields, options)
    heads, scores = named_values(fields, options)
    annotator = fields.get("annotator")
    named = {name, *options.heads, *options.scores}
    mark = get_mapping(data, MARK)
    record = Record(
        id=mark.get("id", get_id(fields, line)),
        text=get_text(fields, name),
        source=path,
        line=line,
        spans=[] if has_spans else None,
        cats=heads,
        scores=scores,
        meta={key: value for key, value in data.items() if key not in {*named, MARK}},
        annotator=None if annotator is None else str(annotator),
    )
    for key in names[first:last]:
        if key not in named:
            _add(record, key, fields[key])
    return record


def _add(record: Record, name: str, value: Any) -> None:
    """Put the value of one tag into the record."""
    match value:
        case None:
            return
        case list() if _is_spans(value):
            _add_spans(record, value)
        case []:
            record.spans = record.spans or []
        case str() | {"choices": list()}:
            chosen = value if isinstance(value, str) else value["choices"]
            record.cats[name] = get_head(name, chosen)
        case int() | float() if is_number(value):
            record.scores[name] = float(value)
        case {"text": list() as texts}:
            record.meta[name] = texts
        case _:
            record.lost.append(
                f"'{name}' is neither entities, choices nor a number: {shown(value)}"
            )


def _add_spans(record: Record, value: list[dict[str, Any]]) -> None:
    record.spans = record.spans or []
    for item in value:
        for label in item.get("labels") or item.get("hypertextlabels") or [None]:
            if label is None:
                record.lost.append(f"an entity without a label: {shown(item)}")
                continue
            span, words = get_span(ENTITIES, {**item, "label": label})
            record.spans.append(span)
            if words is not None:
                record.surfaces[span] = words


def _is_spans(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, dict) and "start" in item for item in value)
    )


def _written(
    record: Record, number: int, entities: str, lose: Callable[[Problem], None]
) -> dict[str, Any]:
    fields: dict[str, Any] = {"text": record.text}
    own = {"id", *AFTER, *([entities] if record.spans is not None else [])}

    def add(name: str, value: Any) -> None:
        if name in fields or name in own:
            lose(record.problem(f"there is already a field '{name}'", "note"))
        else:
            fields[name] = value

    for name, value in record.meta.items():
        add(name, value)
    fields["id"] = record.id
    if record.spans is not None:
        fields[entities] = [
            {"start": start, "end": end, "text": record.text[start:end], "labels": [label]}
            for start, end, label in record.spans
        ]
    for head in record.cats:
        add(head, {"choices": [label for name, label in true_labels(record) if name == head]})
    for name, score in record.scores.items():
        add(name, score)
    return fields | {"annotator": record.annotator, "annotation_id": number}
