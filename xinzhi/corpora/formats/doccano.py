"""doccano: JSON Lines of its text classification, sequence labelling and intent projects.

The keys changed over the years; all are read: `label`/`labels`/`entities`/`annotations` with
[start, end, label] or objects with `start_offset`, or with classes; `cats` beside `entities`;
`text` or `data`; metadata under `meta`, `metadata` or as fields of their own.

doccano counts UTF-16 units (github.com/doccano/doccano/issues/2290). Files written here carry a
field that says so, which doccano keeps as metadata, so that they come back exactly. Other exports
are read as they are: whether they were edited in the browser cannot be seen in the file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ...head_keys import join_key
from ..record import Problem, Record, head_values
from ._base import ReadOptions, Sample, WriteOptions
from ._fields import (
    LABEL,
    MARK,
    confidence_texts,
    get_list,
    get_mapping,
    marked_heads,
    true_labels,
)
from ._json import Invalid, read_made, sample_objects
from ._text import open_new
from ._utf16 import from_utf16, to_utf16
from .jsonl import label_is_head, make_record

OWN = {"relations", "Comments", "comments", "annotation_approver", "cats", "username", "user"}
PLAIN = {"id", "text", "data", "label", "labels", "entities", "annotations", "meta", "metadata"}


class DoccanoFormat:
    """Reads and writes doccano's JSON Lines. `DOCCANO` is the registered instance."""

    name = "doccano"
    help = "doccano JSON Lines: sequence labelling, classification, intents; old and new keys"
    holds = frozenset({"entities", "overlaps", "unannotated", "cats", "meta", "id"})
    suffix = ".jsonl"

    def sniff(self, sample: Sample) -> float:
        """By the fields that only doccano has."""
        objects = sample_objects(sample)
        fields = {name for item in objects for name in item}
        own = OWN - {"cats"} if any(isinstance(i.get("cats"), dict) for i in objects) else OWN
        if not fields & {"text", "data"} or "_input_hash" in fields or "spans" in fields:
            return 0.0
        if fields & own or MARK in fields:
            return 0.7
        return 0.35 if fields <= PLAIN and label_is_head(sample) and _has_lists(objects) else 0.0

    def read(self, path: Path, options: ReadOptions) -> Iterator[Record | Problem]:
        """Stream the objects of the file."""
        classes = label_is_head(Sample.of(path))

        def make(fields: dict[str, Any], line: int) -> Iterator[Record]:
            yield _read(fields, path, line, options, classes)

        yield from read_made(path, options, make)

    def write(
        self,
        records: Iterable[Record],
        path: Path,
        options: WriteOptions,
        lose: Callable[[Problem], None],
    ) -> None:
        """For a project of the kind that all records together need."""
        with open_new(path) as file:
            for record in records:
                fields = _written(record, options)
                file.write(json.dumps(fields, ensure_ascii=False) + "\n")


DOCCANO = DoccanoFormat()


def _read(
    fields: dict[str, Any], path: Path, line: int, options: ReadOptions, classes: bool
) -> Record:
    mark = get_mapping(fields, MARK)
    if mark:
        classes = bool(mark.get("heads")) and "cats" not in fields
    annotator = fields.get("annotation_approver") or fields.get("username")
    labels = get_list(fields, "cats")
    own = OWN | {MARK, "confidence"} if mark.get("model") else OWN | {MARK}
    plain = {name: value for name, value in fields.items() if name not in own}
    if _old_classes(plain.get("annotations")):  # {"annotations": [{"label": 3}]}
        labels = [str(item.get("label")) for item in plain.pop("annotations")]
    record = make_record(plain, path, line, options, classes)
    record.annotator = None if annotator is None else str(annotator)
    record.relations = len(get_list(fields, "relations"))
    record.meta = _meta(plain, set(record.ignored))
    record.ignored = ["Comments"] if fields.get("Comments") or fields.get("comments") else []
    if labels or "cats" in fields:
        record.cats[LABEL] = labels
    if mark:
        _unmark(record, mark)
    return record


def _unmark(record: Record, mark: dict[str, Any]) -> None:
    """Undo what `_written` did."""
    if mark.get("heads") is not None:
        value = record.cats.pop(LABEL, [])
        labels = [label for label, _ in head_values(value)]
        record.cats |= marked_heads(labels, mark["heads"])
    if mark.get("offsets") == "utf-16" and record.spans:
        try:
            record.spans = [
                (from_utf16(record.text, start), from_utf16(record.text, end), label)
                for start, end, label in record.spans
            ]
        except ValueError as err:
            raise Invalid(f"an entity ends outside the text or inside a character ({err})") from err
    record.id = mark.get("id", record.id)


def _meta(fields: dict[str, Any], others: set[str]) -> dict[str, Any]:
    """doccano's metadata: an object, or the fields that it does not use itself."""
    meta = get_mapping(fields, "meta") | get_mapping(fields, "metadata")
    return meta | {name: fields[name] for name in sorted(others - {"metadata"})}


def _old_classes(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, dict) and "start_offset" not in item for item in value)
    )


def _written(record: Record, options: WriteOptions) -> dict[str, Any]:
    mark: dict[str, Any] = {"id": record.id, "offsets": "utf-16", "heads": list(record.cats)}
    fields: dict[str, Any] = {"id": record.id, "text": record.text}
    if options.spans and record.spans is not None:
        fields["entities" if options.heads else "label"] = [
            [to_utf16(record.text, start), to_utf16(record.text, end), label]
            for start, end, label in record.spans
        ]
    if record.cats:
        labels = [join_key(head, label) for head, label in true_labels(record)]
        fields["cats" if options.spans else "label"] = labels
    if record.model:
        fields["confidence"] = confidence_texts(record)
        mark["model"] = record.model
    return fields | {"meta": record.meta, MARK: mark}


def _has_lists(objects: list[dict[str, Any]]) -> bool:
    return any(isinstance(item.get(LABEL, item.get("labels")), list) for item in objects)
