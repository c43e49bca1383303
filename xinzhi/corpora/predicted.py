"""What a pipeline predicts, as records: for people to correct."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from spacy.language import Language
from spacy.tokens import Doc, Span

from ..head_keys import PLAIN, split_key
from .record import HeadValue, Problem, Record


def predict_records(
    items: Iterable[Record | Problem], nlp: Language, batch_size: int = 64
) -> Iterator[Record | Problem]:
    """Replace the annotations of records by the predictions of a pipeline.

    items (Iterable): Records, and problems, which come last.
    nlp (Language): The pipeline.
    batch_size (int): Texts at a time.
    YIELDS (Record | Problem): The records in their order, with `model` and `confidence`.
    """
    name = f"{nlp.meta.get('lang', '')}_{nlp.meta.get('name', 'pipeline')}"
    name += f"-{nlp.meta.get('version', '0')}"

    problems: list[Problem] = []

    def texts() -> Iterator[tuple[str, Record]]:
        for item in items:
            if isinstance(item, Record):
                yield item.text, item
            else:
                problems.append(item)

    entities = bool(_finders(nlp))
    for doc, record in nlp.pipe(texts(), as_tuples=True, batch_size=batch_size):
        yield predicted_record(doc, record, name, entities)
    yield from problems


def predicted_record(doc: Doc, record: Record, model: str, entities: bool) -> Record:
    """A record with the predictions of a document.

    doc (Doc): The document, after the pipeline.
    record (Record): The record with its text; its annotations are left out.
    model (str): Name of the pipeline.
    entities (bool): Whether the pipeline finds entities.
    RETURNS (Record): A new record.
    """
    spans = [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]
    result = replace(
        record,
        spans=spans if entities else None,
        cats=_decisions(doc),
        scores=dict(getattr(doc._, "scores", None) or {}),
        unknown=[],
        surfaces={},
        annotator=None,
        model=model,
        confidence={},
    )
    for span, ent in zip(spans, doc.ents, strict=True):
        if Span.has_extension("confidence") and ent._.confidence is not None:
            result.confidence[span] = float(ent._.confidence)
    for key, value in doc.cats.items():
        result.confidence[split_key(key, PLAIN)] = float(value)
    return result


def entity_labels(nlp: Language) -> list[str]:
    """RETURNS (list[str]): Every entity label that a pipeline can predict."""
    labels = nlp.pipe_labels
    return sorted({x for name in _finders(nlp) for x in labels.get(name, ())})


def _finders(nlp: Language) -> list[str]:
    """The components of a pipeline that find entities."""
    return [name for name in nlp.pipe_names if "doc.ents" in nlp.get_pipe_meta(name).assigns]


def _decisions(doc: Doc) -> dict[str, HeadValue]:
    """The predicted labels of every head; of pipelines without heads, those from 0.5 on."""
    if Doc.has_extension("decisions") and doc._.decisions:
        return {head: value for head, value in doc._.decisions.items() if value}
    heads: dict[str, HeadValue] = {}
    for key, value in doc.cats.items():
        head, label = split_key(key, PLAIN)
        labels = heads.setdefault(head, [])
        if value >= 0.5:
            assert isinstance(labels, list)
            labels.append(label)
    return heads
