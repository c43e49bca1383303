"""Prodigy: JSON Lines of `prodigy db-out`.

Only accepted answers are annotations: a rejected or ignored task is left out, and counted. In the
binary entity view ("ner"), an accepted task says that this one span is right and nothing else, so
the rest of the text stays unknown.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ...head_keys import join_key
from ..record import HeadValue, Problem, Record, SpanTuple
from ._base import ReadOptions, Sample, WriteOptions
from ._fields import (
    LABEL,
    MARK,
    get_id,
    get_list,
    get_mapping,
    get_span,
    get_text,
    is_id,
    marked_heads,
    named_values,
    true_labels,
)
from ._json import Invalid, read_made, sample_objects, shown
from ._text import open_new

LEFT_OUT = {"reject": "the annotator rejected it", "ignore": "the annotator skipped it"}
KNOWN = {"text", "spans", "tokens", "meta", "answer", "label", "options", "accept", "config", MARK}
MACHINERY = {"relations", "html", "priority", "score", "id"}


class ProdigyFormat:
    """Reads and writes Prodigy's JSON Lines. `PRODIGY` is the registered instance."""

    name = "prodigy"
    help = "Prodigy JSON Lines (db-out): spans and choices; reject and ignore are left out"
    holds = frozenset({"entities", "overlaps", "unannotated", "cats", "meta", "id", "annotator"})
    suffix = ".jsonl"

    def sniff(self, sample: Sample) -> float:
        """By its answers and hashes."""
        objects = sample_objects(sample)
        if any("_input_hash" in fields or fields.get("answer") in ANSWERS for fields in objects):
            return 0.95
        spans = [span for fields in objects for span in fields.get("spans") or () if span]
        return 0.6 if any(isinstance(span, dict) and "start" in span for span in spans) else 0.0

    def read(self, path: Path, options: ReadOptions) -> Iterator[Record | Problem]:
        """Stream the accepted tasks of the file."""

        def make(fields: dict[str, Any], line: int) -> Iterator[Record | Problem]:
            reason = _left_out(fields)
            if reason is not None:
                known = fields.get("id") if is_id(fields.get("id")) else None
                yield Problem(reason, path, line, known, "skipped")
            else:
                yield _read(fields, path, line, options)

        yield from read_made(path, options, make)

    def write(
        self,
        records: Iterable[Record],
        path: Path,
        options: WriteOptions,
        lose: Callable[[Problem], None],
    ) -> None:
        """One task per line: answered, or, if a pipeline made the annotations, to be answered."""
        choices = [
            join_key(head, label) for head, labels in options.heads.items() for label in labels
        ]
        with open_new(path) as file:
            for record in records:
                fields = _written(record, choices)
                file.write(json.dumps(fields, ensure_ascii=False) + "\n")


ANSWERS = {"accept", *LEFT_OUT}
PRODIGY = ProdigyFormat()


def _left_out(fields: dict[str, Any]) -> str | None:
    """Why a task holds no annotation by a person, or None if it does."""
    answer = fields.get("answer", "accept")
    if answer not in ANSWERS:
        raise Invalid(f"'answer' must be accept, reject or ignore, found {shown(answer)}")
    model = get_mapping(fields, MARK).get("model")
    if "answer" not in fields and model:
        return f"predicted by {model}, not reviewed"
    return LEFT_OUT.get(answer)


def _read(fields: dict[str, Any], path: Path, line: int, options: ReadOptions) -> Record:
    mark = get_mapping(fields, MARK)
    text = get_text(fields, options.text or "text")
    heads, scores = named_values(fields, options)
    record = Record(
        id=mark.get("id", get_id(fields, line)),
        text=text,
        source=path,
        line=line,
        cats=_classes(fields, mark) | heads,
        scores=scores,
        meta=get_mapping(fields, "meta"),
        annotator=_annotator(fields),
        relations=len(get_list(fields, "relations")),
    )
    named = {*options.heads, *options.scores, options.text}
    record.ignored = sorted(
        name for name in set(fields) - KNOWN - MACHINERY - named if not name.startswith("_")
    )
    if "spans" in fields:
        record.spans = _spans(fields, record)
        if fields.get("_view_id") == "ner":
            record.unknown = _outside(record.spans, len(text))
    return record


def _spans(fields: dict[str, Any], record: Record) -> list[SpanTuple]:
    spans: list[SpanTuple] = []
    for item in get_list(fields, "spans"):
        if isinstance(item, dict) and item.get("label") in (None, ""):
            record.lost.append(f"a span without a label: {shown(item)}")
        else:
            spans.append(get_span("spans", item)[0])
    return spans


def _classes(fields: dict[str, Any], mark: dict[str, Any]) -> dict[str, HeadValue]:
    """The head "label": the accepted choices, or the one class that a binary task asks about."""
    if "options" in fields or "accept" in fields:
        accepted = [str(item) for item in get_list(fields, "accept")]
        if mark.get("heads") is not None:
            return marked_heads(accepted, mark["heads"])
        single = get_mapping(fields, "config").get("choice_style") == "single"
        return {LABEL: accepted[0] if single and len(accepted) == 1 else accepted}
    label = fields.get("label")
    return {LABEL: label} if isinstance(label, str) and label else {}


def _outside(spans: list[SpanTuple], length: int) -> list[tuple[int, int]]:
    """The parts of a text that no span covers."""
    gaps = []
    position = 0
    for start, end, _ in sorted(spans):
        if start > position:
            gaps.append((position, start))
        position = max(position, end)
    return [*gaps, (position, length)] if position < length else gaps


def _annotator(fields: dict[str, Any]) -> str | None:
    value = fields.get("_annotator_id") or fields.get("_session_id")
    return None if value is None else str(value)


def _written(record: Record, choices: list[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {"text": record.text, "meta": record.meta}
    mark: dict[str, Any] = {"id": record.id}
    if record.spans is not None:
        fields["spans"] = [_written_span(record, span) for span in record.spans]
    if record.cats:
        fields["options"] = [{"id": choice, "text": choice} for choice in choices]
        fields["accept"] = [join_key(head, label) for head, label in true_labels(record)]
        mark["heads"] = list(record.cats)
    if record.annotator is not None:
        fields["_annotator_id"] = record.annotator
    if record.model:
        mark["model"] = record.model
    else:
        fields["answer"] = "accept"
    return fields | {MARK: mark}


def _written_span(record: Record, span: SpanTuple) -> dict[str, Any]:
    written: dict[str, Any] = dict(zip(("start", "end", "label"), span, strict=True))
    if span in record.confidence:
        written |= {"score": record.confidence[span], "source": record.model}
    return written
