"""Records to spaCy Docs and DocBin files, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc

from ..errors import XinzhiError
from .alignment import Misaligned, align, mark_missing
from .record import HeadValue, Problem, Record, SpanTuple, head_values


def blank(lang: str) -> Language:
    """A pipeline that only tokenises.

    lang (str): Language code; "zh" makes each character a token.
    RETURNS (Language): The blank pipeline.
    RAISES (XinzhiError): If spaCy does not know the language.
    """
    try:
        return spacy.blank(lang)
    except ImportError as err:
        raise XinzhiError(
            f"spaCy has no language '{lang}', or it needs a package that is not installed.",
            "Use a code such as zh, en or xx (--lang).",
        ) from err


def tokenise(nlp: Language, record: Record) -> Doc | Problem:
    """The tokens of a record's text, or a Problem if they do not spell exactly that text.

    nlp (Language): The pipeline whose tokeniser is used.
    record (Record): The record.
    RETURNS (Doc | Problem): A Doc without annotations, or what went wrong.
    """
    doc = nlp.make_doc(record.text)
    if doc.text != record.text:
        return record.problem(f"the tokeniser of '{nlp.lang}' changes the text")
    return doc


def annotate(
    doc: Doc, record: Record, heads: Mapping[str, Iterable[str]]
) -> tuple[int, list[Misaligned]]:
    """Write the annotations of a record onto the tokens of its text.

    Entities that do not fit the tokens stay out of `doc.ents`; their tokens are marked missing,
    so that nobody trains on a false negative.

    doc (Doc): The tokens; `doc.text` equals the record's text. Changed in place.
    record (Record): The annotations.
    heads (Mapping): Every label of every head, as collected over the whole corpus.
    RETURNS (tuple): Number of entities kept, and the misaligned spans.
    """
    kept, misaligned = align(doc, record)
    if record.spans is None:
        doc.set_ents([], default="missing")
    else:
        doc.set_ents(kept, missing=mark_missing(doc, misaligned), default="outside")
    doc.cats = gold_cats(record.cats, heads)
    doc.user_data["record"] = {
        "id": record.id,
        "source": record.source.name,
        "line": record.line,
        "meta": record.meta,
    }
    if record.scores:
        doc.user_data["scores"] = dict(record.scores)
    if misaligned:
        doc.user_data["misaligned"] = [[m.start, m.end, m.label] for m in misaligned]
    return len(kept), misaligned


def gold_cats(
    cats: Mapping[str, HeadValue], heads: Mapping[str, Iterable[str]]
) -> dict[str, float]:
    """`doc.cats` of a record: a value for every label of every head it annotates.

    cats (Mapping): Head to gold value.
    heads (Mapping): Head to all its labels.
    RETURNS (dict): "head/label" to value in [0, 1].
    """
    gold = {}
    for head, value in cats.items():
        values = dict(head_values(value))
        gold.update({f"{head}/{label}": values.get(label, 0.0) for label in heads[head]})
    return gold


def record_from_doc(doc: Doc, source: Path, number: int) -> Record:
    """Read a Doc back into a record. Heads come back as label to value.

    doc (Doc): A document, ours or anybody's.
    source (Path): The file it is in.
    number (int): Its number there, from 1; also its id if it has none.
    RETURNS (Record): The record.
    """
    identity = doc.user_data.get("record", {})
    spans: list[SpanTuple] = [(e.start_char, e.end_char, e.label_) for e in doc.ents]
    misaligned = [tuple(item) for item in doc.user_data.get("misaligned", ())]
    annotated = doc.has_annotation("ENT_IOB") or misaligned
    return Record(
        id=identity.get("id", number),
        text=doc.text,
        source=source,
        line=number,
        spans=sorted([*spans, *misaligned]) if annotated else None,
        cats=_split_cats(doc.cats),
        scores=dict(doc.user_data.get("scores", {})),
        meta=_lists(identity.get("meta", {})),
    )


def _split_cats(cats: Mapping[str, float]) -> dict[str, HeadValue]:
    """ "head/label" keys to head → label → value; a key without "/" belongs to the head "cats"."""
    heads: dict[str, dict[str, float]] = {}
    for key, value in cats.items():
        head, slash, label = key.partition("/")
        heads.setdefault(head if slash else "cats", {})[label if slash else key] = value
    return dict(heads)


def _lists(value: Any) -> Any:
    """DocBin gives back lists as tuples; JSON has lists."""
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_lists(item) for item in value]
    return value
