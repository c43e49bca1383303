"""Records to spaCy Docs, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span

from ..errors import XinzhiError
from ..head_keys import PLAIN, group_cats, join_key
from .alignment import Misaligned, align
from .normalise import Normalised, normalise
from .overlaps import has_overlaps, resolve
from .record import HeadValue, Problem, Record, SpanTuple, head_values
from .tokens import Tokens

SPANS_KEY = "sc"  # the span group of overlapping entities; spaCy's own default
MISSING, INSIDE, OUTSIDE, BEGIN = 0, 1, 2, 3  # values of ENT_IOB
TokenSpan = tuple[int, int, str]


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
    doc: Doc,
    record: Record,
    heads: Mapping[str, Iterable[str]],
    *,
    group: bool = False,
    normalised: Normalised | None = None,
) -> tuple[int, list[Misaligned]]:
    """Write the annotations of a record onto the tokens of its text.

    Entities that do not fit the tokens stay out of `doc.ents`; their tokens are marked missing,
    so that nobody trains on a false negative. Of overlapping entities the longest are in
    `doc.ents`, and all of them in `doc.spans["sc"]`.

    doc (Doc): The tokens; `doc.text` equals the record's text. Changed in place.
    record (Record): The annotations.
    heads (Mapping): Every label of every head, as collected over the whole corpus.
    group (bool): Whether to make the span group even if nothing overlaps.
    normalised (Normalised | None): The map to the original text, if the text was changed.
    RETURNS (tuple): Number of entities kept, and the misaligned spans.
    """
    tokens = Tokens.of(doc)
    kept, misaligned = align(tokens, record)
    if group or has_overlaps(kept):
        doc.spans[SPANS_KEY] = [Span(doc, start, end, label) for start, end, label in kept]
    iob = entity_tags(tokens, record, kept, misaligned)
    ents = [Span(doc, start, end, label) for start, end, label in entities(kept)]
    missing = [doc[i : i + 1] for i in np.flatnonzero(iob == MISSING).tolist()]
    doc.set_ents(ents, missing=missing, default="outside")
    doc.cats = gold_cats(record.cats, heads)
    doc.user_data.update(user_data(record, misaligned, normalised))
    return len(kept), misaligned


def entities(kept: list[TokenSpan]) -> list[TokenSpan]:
    """RETURNS (list): The spans for `doc.ents`: all, or the longest if some overlap."""
    return resolve(kept, "longest")[0] if has_overlaps(kept) else kept


def entity_tags(
    tokens: Tokens, record: Record, kept: list[TokenSpan], misaligned: list[Misaligned]
) -> np.ndarray:
    """The ENT_IOB value of each token.

    tokens (Tokens): The tokens.
    record (Record): The record; where it is unknown, tokens are missing.
    kept (list): Entities that fit the tokens.
    misaligned (list[Misaligned]): Entities that do not; their tokens are missing.
    RETURNS (np.ndarray): MISSING, INSIDE, OUTSIDE or BEGIN for each token; uint64.
    """
    iob = np.full(len(tokens), MISSING if record.spans is None else OUTSIDE, dtype="uint64")
    for start, end in record.unknown:
        iob[slice(*tokens.touching(start, end))] = MISSING
    for item in misaligned:
        iob[slice(*tokens.touching(item.start, item.end))] = MISSING
    for first, last, _label in entities(kept):
        iob[first] = BEGIN
        iob[first + 1 : last] = INSIDE
    return iob


def user_data(
    record: Record, misaligned: list[Misaligned], normalised: Normalised | None = None
) -> dict[str, Any]:
    """What `doc.user_data` keeps of a record.

    record (Record): The record.
    misaligned (list[Misaligned]): Its entities that do not fit the tokens.
    normalised (Normalised | None): The map to the original text, if the text was changed.
    RETURNS (dict): JSON values only.
    """
    identity: dict[str, Any] = {
        "id": record.id,
        "source": record.source.name,
        "line": record.line,
        "meta": record.meta,
    }
    if record.annotator is not None:
        identity["annotator"] = record.annotator
    if record.unknown:
        identity["unknown"] = [list(found) for found in record.unknown]
    if normalised is not None:
        identity["original"] = {"text": normalised.original, "steps": list(normalised.steps)}
    data: dict[str, Any] = {"record": identity}
    if record.scores:
        data["scores"] = dict(record.scores)
    if misaligned:
        data["misaligned"] = [[m.start, m.end, m.label] for m in misaligned]
    return data


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
        gold.update({join_key(head, label): values.get(label, 0.0) for label in heads[head]})
    return gold


def record_from_doc(doc: Doc, source: Path, number: int) -> Record:
    """Read a Doc back into a record. Heads come back as label to value.

    doc (Doc): A document, ours or anybody's. A normalised one gives its original text and spans.
    source (Path): The file it is in.
    number (int): Its number there, from 1; also its id if it has none.
    RETURNS (Record): The record.
    """
    identity = doc.user_data.get("record", {})
    spans = {(e.start_char, e.end_char, e.label_) for e in doc.ents}
    spans |= {(s.start_char, s.end_char, s.label_) for s in doc.spans.get(SPANS_KEY, ())}
    misaligned = {tuple(item) for item in doc.user_data.get("misaligned", ())}
    annotated = doc.has_annotation("ENT_IOB") or misaligned or "unknown" in identity
    record = Record(
        id=identity.get("id", number),
        text=doc.text,
        source=source,
        line=number,
        spans=sorted(spans | misaligned) if annotated else None,
        cats=dict(group_cats(doc.cats, plain=PLAIN)),
        scores=dict(doc.user_data.get("scores", {})),
        meta=_lists(identity.get("meta", {})),
        annotator=identity.get("annotator"),
    )
    if annotated:
        record.unknown = _unknown(doc, identity)
    if "original" in identity:
        _restore(record, identity["original"])
    return record


def _unknown(doc: Doc, identity: Mapping[str, Any]) -> list[tuple[int, int]]:
    """The unknown ranges: those of our record, or the runs of missing tokens of somebody's Doc."""
    if identity:
        return [(start, end) for start, end in identity.get("unknown", ())]
    ranges: list[tuple[int, int]] = []
    for token in doc:
        if token.ent_iob == MISSING:
            end = token.idx + len(token)
            if ranges and token.i and doc[token.i - 1].ent_iob == MISSING:
                ranges[-1] = ranges[-1][0], end
            else:
                ranges.append((token.idx, end))
    return ranges


def _restore(record: Record, original: Mapping[str, Any]) -> None:
    """Put a record back on the text it had before normalisation."""
    result = normalise(original["text"], original["steps"])
    if result.text != record.text:  # other Unicode tables, or another OpenCC
        return
    spans: list[SpanTuple] = [(*result.to_original(s, e), la) for s, e, la in record.spans or ()]
    record.text = result.original
    record.spans = None if record.spans is None else spans
    record.unknown = [result.to_original(*found) for found in record.unknown if found[0] < found[1]]


def _lists(value: Any) -> Any:
    """DocBin gives back lists as tuples; JSON has lists."""
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_lists(item) for item in value]
    return value
