"""Label Studio: its JSON export, the same before version 1.0 ("completions"), and for import.

Every annotation of a task becomes a record of its own; cancelled ones are left out, predictions
are no annotations. Heads are the names of the `Choices` tags, scores those of `Number` and
`Rating`. Beside a file for import a labeling configuration is written (.xml) that fits it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from ..record import Problem, Record, SpanTuple
from ._base import ReadOptions, Sample, WriteOptions
from ._fields import (
    MARK,
    TEXT_NAMES,
    get_id,
    get_list,
    get_mapping,
    get_score,
    get_span,
    get_text,
    named_values,
    true_labels,
)
from ._json import Invalid, read_made, sample_objects, shown
from ._text import open_new

SPANS = {"labels", "hypertextlabels"}
SCORES = {"number", "rating"}
ENTITIES, TEXT = "label", "text"  # names of our tags in the labeling configuration


class LabelStudioFormat:
    """Reads and writes Label Studio's JSON. `LABEL_STUDIO` is the registered instance."""

    name = "label-studio"
    help = "Label Studio JSON, also from before 1.0; written for import, with a labeling config"
    holds = frozenset({"entities", "overlaps", "unannotated", "cats", "scores", "meta", "id"})
    suffix = ".json"

    def sniff(self, sample: Sample) -> float:
        """By tasks that have data and annotations."""
        objects = sample_objects(sample)
        lists = ("annotations", "completions", "predictions")
        if any("data" in item and any(name in item for name in lists) for item in objects):
            return 0.95
        start = sample.text[:2000]  # a single task may be longer than the sample
        return 0.5 if not objects and '"result"' in start and '"from_name"' in start else 0.0

    def read(self, path: Path, options: ReadOptions) -> Iterator[Record | Problem]:
        """Stream the annotations of the tasks."""
        spans = any(
            result.get("type") in SPANS
            for task in sample_objects(Sample.of(path))
            for annotation in _annotations(task)
            for result in annotation.get("result") or ()
        )

        def make(task: dict[str, Any], line: int) -> Iterator[Record | Problem]:
            yield from _read(task, path, line, options, spans)

        yield from read_made(path, options, make)

    def write(
        self,
        records: Iterable[Record],
        path: Path,
        options: WriteOptions,
        lose: Callable[[Problem], None],
    ) -> None:
        """An array of tasks, and the labeling configuration beside it."""
        with open_new(path) as file:
            separator = "[\n"
            for number, record in enumerate(records, start=1):
                task = json.dumps(_written(record, number), ensure_ascii=False)
                file.write(separator + task)
                separator = ",\n"
            file.write("\n]\n" if separator == ",\n" else "[]\n")
        with open_new(path.with_suffix(".xml")) as file:
            file.write(labeling_config(options))


LABEL_STUDIO = LabelStudioFormat()


def labeling_config(options: WriteOptions) -> str:
    """RETURNS (str): A labeling configuration for all labels, heads and scores of a corpus."""
    lines = ["<View>"]
    if options.entities:
        lines += _tag("Labels", ENTITIES, "Label", options.entities)
    lines.append(f'  <Text name="{TEXT}" value="$text" granularity="symbol"/>')
    for head, labels in options.heads.items():
        lines.append(f'  <Header value={quoteattr(head)} size="5"/>')
        lines += _tag("Choices", head, "Choice", labels, ' choice="multiple"')
    lines += [f'  <Number name={quoteattr(name)} toName="{TEXT}"/>' for name in options.scores]
    return "\n".join([*lines, "</View>\n"])


def _tag(kind: str, name: str, item: str, values: Iterable[str], more: str = "") -> list[str]:
    return [
        f'  <{kind} name={quoteattr(name)} toName="{TEXT}"{more}>',
        *(f"    <{item} value={quoteattr(value)}/>" for value in values),
        f"  </{kind}>",
    ]


def _annotations(task: dict[str, Any]) -> list[dict[str, Any]]:
    found = task.get("annotations", task.get("completions"))
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _read(
    task: dict[str, Any], path: Path, line: int, options: ReadOptions, has_spans: bool
) -> Iterator[Record | Problem]:
    data = get_mapping(task, "data")
    annotations = _annotations(task)
    mark = get_mapping(data, MARK)
    task_id = mark.get("id", get_id(task, line))
    ignored = ["predictions"] if task.get("predictions") else []
    name = _text_name(data, annotations, options)
    heads, scores = named_values(data, options)
    used = {name, MARK, *options.heads, *options.scores}
    meta = {key: value for key, value in data.items() if key not in used}
    meta |= get_mapping(task, "meta")
    text = get_text(data, name)
    if not annotations:
        yield Record(
            task_id, text, path, line, cats=heads, scores=scores, meta=meta, ignored=ignored
        )
    for annotation in annotations:
        several = len(annotations) > 1
        own_id = f"{task_id}-{annotation.get('id', '?')}" if several else task_id
        if annotation.get("was_cancelled") or annotation.get("skipped"):
            yield Problem("the annotator cancelled it", path, line, own_id, "skipped")
            continue
        record = Record(own_id, text, path, line, meta=dict(meta), ignored=list(ignored))
        record.cats, record.scores = dict(heads), dict(scores)
        record.annotator = _annotator(annotation)
        record.spans = [] if has_spans else None
        for result in get_list(annotation, "result"):
            _add(record, result)
        if mark.get("spans") is False and not record.spans:
            record.spans = None
        for head in mark.get("heads", ()):
            record.cats.setdefault(head, [])
        yield record


def _text_name(
    data: dict[str, Any], annotations: list[dict[str, Any]], options: ReadOptions
) -> str:
    """The field of the text: named by the user, by an annotation, by its usual name, or alone."""
    if options.text is not None:
        return options.text
    results = [item for annotation in annotations for item in annotation.get("result") or ()]
    sources = {str(item["source"]).lstrip("$") for item in results if item.get("source")}
    usual = [name for name in TEXT_NAMES if isinstance(data.get(name), str)]
    strings = [name for name, value in data.items() if isinstance(value, str)]
    for names in (sources & set(data), usual[:1], strings):
        if len(names) == 1:
            return next(iter(names))
    raise Invalid(f"which of {', '.join(data) or 'no data'} is the text? name it with --text-field")


def _add(record: Record, result: Any) -> None:
    """Put one result of an annotation into the record."""
    if not isinstance(result, dict):
        raise Invalid(f"'result' must hold objects, found {shown(result)}")
    kind, name = result.get("type"), str(result.get("from_name"))
    value = get_mapping(result, "value")
    if kind == "relation":
        record.relations += 1
    elif kind in SPANS:
        _add_spans(record, value, kind)
    elif "start" in value:
        record.lost.append(f"'{name}' of one entity: {shown(value)}")
    elif kind == "choices":
        record.cats[name] = [str(choice) for choice in get_list(value, "choices")]
    elif kind in SCORES:
        record.scores[name] = get_score(name, value.get(str(kind)))
    elif kind == "textarea":
        record.meta[name] = value.get("text")
    else:
        record.lost.append(f"a result of the type '{kind}' ('{name}')")


def _add_spans(record: Record, value: dict[str, Any], kind: str) -> None:
    place = value.get("globalOffsets", value)
    record.spans = record.spans or []
    for label in value.get(kind) or [None]:
        item = {"start": place.get("start"), "end": place.get("end"), "label": label}
        if label is None:
            record.lost.append(f"an entity without a label: {shown(value)}")
            continue
        span, _ = get_span("result", item)
        record.spans.append(span)
        if isinstance(value.get("text"), str):
            record.surfaces[span] = value["text"]


def _annotator(annotation: dict[str, Any]) -> str | None:
    who = annotation.get("completed_by")
    if isinstance(who, dict):
        who = who.get("email") or who.get("id")
    return None if who is None else str(who)


def _written(record: Record, number: int) -> dict[str, Any]:
    mark = {"id": record.id, "spans": record.spans is not None, "heads": list(record.cats)}
    data = {"text": record.text, MARK: mark}
    task: dict[str, Any] = {"id": number, "data": data, "meta": record.meta}
    if record.model:
        results = _results(record)
        prediction: dict[str, Any] = {"model_version": record.model, "result": results}
        sure = [result["score"] for result in results if "score" in result]
        task["predictions"] = [prediction | ({"score": min(sure)} if sure else {})]
    elif record.tasks:
        task["annotations"] = [{"id": number, "result": _results(record)}]
    else:
        task["annotations"] = []
    return task


def _results(record: Record) -> list[dict[str, Any]]:
    results = [_span_result(record, span) for span in record.spans or ()]
    for head in record.cats:
        chosen = [label for name, label in true_labels(record) if name == head]
        scores = [record.confidence.get((head, label)) for label in chosen]
        value = {"choices": chosen}
        results.append(_result(record, head, "choices", value, scores[0] if scores else None))
    for name, number in record.scores.items():
        results.append(_result(record, name, "number", {"number": number}))
    return results


def _span_result(record: Record, span: SpanTuple) -> dict[str, Any]:
    start, end, label = span
    value = {"start": start, "end": end, "text": record.text[start:end], "labels": [label]}
    return _result(record, ENTITIES, "labels", value, record.confidence.get(span))


def _result(
    record: Record, name: str, kind: str, value: dict[str, Any], score: float | None = None
) -> dict[str, Any]:
    identity = hashlib.sha256(f"{record.id} {name} {json.dumps(value)}".encode()).hexdigest()
    result: dict[str, Any] = {"id": identity[:10], "from_name": name, "to_name": TEXT, "type": kind}
    result |= {"value": value, "origin": "prediction" if record.model else "manual"}
    return result | ({} if score is None else {"score": score})
