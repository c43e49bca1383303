"""A dated text with its labels, from a record of a file or from a pipeline."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from ...corpora.near import SHORTEST, key_of
from ...head_keys import group_cats

if TYPE_CHECKING:
    from spacy.tokens import Doc

    from ...apply.inputs import Text

SPAN_FIELDS = ("label", "entities", "mentions")


class BadPost(ValueError):
    """Why a record cannot be a post."""


class Mention(NamedTuple):
    """An entity in a text: offsets in code points, end exclusive."""

    start: int
    end: int
    label: str
    surface: str
    confidence: float | None = None


@dataclass(frozen=True)
class Labels:
    """What a text is about.

    topic, sentiment (str | None): None: not known.
    topic_confidence, sentiment_confidence (float | None): From 0 to 1.
    mentions (tuple[Mention, ...]): Entities.
    """

    topic: str | None = None
    sentiment: str | None = None
    topic_confidence: float | None = None
    sentiment_confidence: float | None = None
    mentions: tuple[Mention, ...] = ()


@dataclass(frozen=True)
class Post:
    """A dated text.

    id (str): Its identity in the database.
    time (datetime): In UTC.
    text (str): The text.
    channel (str): Where it was written (a site, a kind of site); "" if that is not known.
    origin (Text): The record it came from.
    """

    id: str
    time: datetime
    text: str
    channel: str
    origin: Text


@dataclass(frozen=True)
class PostFields:
    """Which fields of a record hold what.

    id, time, text, channel (str): The fields of a post.
    topic, sentiment (str): Names of the heads: of the pipeline, or under "cats" in a record. A
        record may also hold them as plain fields (columns).
    """

    id: str = "id"
    time: str = "time"
    text: str = "text"
    channel: str = "source"
    topic: str = "topic"
    sentiment: str = "sentiment"


def text_key(text: str) -> int:
    """What tells copies of a text: the same for texts with equal letters and digits. Short texts,
    which people write independently of each other, never count as copies.

    text (str): The text.
    RETURNS (int): 63 bits of a hash; 0 for a short text.
    """
    key = key_of(text)
    if len(key) < SHORTEST:
        return 0
    digest = hashlib.blake2b(key.encode("utf8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1 or 1


def post_id(record: Text, fields: PostFields, time: datetime) -> str:
    """RETURNS (str): The id of a record; of one without, a hash of its time and text.

    RAISES (BadPost): If it is neither a string nor an integer.
    """
    value = record.meta.get(fields.id)
    if value is None or value == "":
        content = f"{time.isoformat()}\n{record.text}"
        return "#" + hashlib.sha256(content.encode("utf8")).hexdigest()[:24]
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadPost(f"'{fields.id}' must be a string or an integer, found {value!r}")
    return str(value)


def given_labels(record: Text, fields: PostFields) -> Labels:
    """The labels that a record carries.

    record (Text): The record.
    fields (PostFields): The names of the heads.
    RETURNS (Labels): Its topic, sentiment and entities.
    RAISES (BadPost): If there is no sentiment, or something is of the wrong kind.
    """
    cats, confidence = (_mapping(record, name) for name in ("cats", "confidence"))
    heads = [_label(record, cats, name) for name in (fields.topic, fields.sentiment)]
    if heads[1] is None:
        raise BadPost(f"no label '{fields.sentiment}'; name a pipeline with --pipeline")
    sure = [_probability(confidence.get(name)) for name in (fields.topic, fields.sentiment)]
    return Labels(heads[0], heads[1], sure[0], sure[1], _mentions(record))


def predicted_labels(doc: Doc, fields: PostFields) -> Labels:
    """The labels that a pipeline gave to a document.

    doc (Doc): The document.
    fields (PostFields): The names of the heads.
    RETURNS (Labels): Topic, sentiment and entities with their confidence. A head that abstains
        gives no label.
    """
    from spacy.tokens import Doc, Span

    heads = group_cats(doc.cats, plain=fields.sentiment)
    decided = doc._.decisions if Doc.has_extension("decisions") and doc._.decisions else None
    best = {}
    for name in (fields.topic, fields.sentiment):
        values = heads.get(name, {})
        label = max(values, key=values.__getitem__, default=None)
        label = decided.get(name) if decided is not None else label
        label = label if isinstance(label, str) and label else None
        best[name] = (label, values.get(label) if label else None)
    known = Span.has_extension("confidence")
    mentions = tuple(
        Mention(e.start_char, e.end_char, e.label_, e.text, e._.confidence if known else None)
        for e in doc.ents
    )
    (topic, topic_sure), (sentiment, sentiment_sure) = best[fields.topic], best[fields.sentiment]
    return Labels(topic, sentiment, topic_sure, sentiment_sure, mentions)


def to_record(post: Mapping[str, Any], labels: Labels, fields: PostFields) -> dict[str, Any]:
    """RETURNS (dict): A record with these labels in the place of its own, for `given_labels`."""
    cats = {fields.topic: labels.topic, fields.sentiment: labels.sentiment}
    sure = {fields.topic: labels.topic_confidence, fields.sentiment: labels.sentiment_confidence}
    return {
        **post,
        "label": [[m.start, m.end, m.label] for m in labels.mentions],
        "cats": {name: label for name, label in cats.items() if label is not None},
        "confidence": {name: round(value, 4) for name, value in sure.items() if value is not None},
    }


def _mapping(record: Text, name: str) -> dict[str, Any]:
    value = record.meta.get(name)
    if isinstance(value, str) and value.startswith("{"):  # a cell of a table
        with suppress(ValueError):
            value = json.loads(value)
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise BadPost(f"'{name}' must be an object, found {value!r}")
    return value


def _label(record: Text, cats: dict[str, Any], name: str) -> str | None:
    value = cats.get(name, record.meta.get(name, record.meta.get(f"cats/{name}")))
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise BadPost(f"'{name}' must be one label, found {value!r}")
    return value


def _probability(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def _mentions(record: Text) -> tuple[Mention, ...]:
    found: Any = next((record.meta[name] for name in SPAN_FIELDS if record.meta.get(name)), [])
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except ValueError as err:
            raise BadPost(f"the entities are not JSON: {found!r}") from err
    mentions = []
    for item in found if isinstance(found, list) else [found]:
        match item:
            case [int(start), int(end), str(label)] if 0 <= start < end <= len(record.text):
                mentions.append(Mention(start, end, label, record.text[start:end]))
            case _:
                raise BadPost(f"{item!r} is not an entity [start, end, label] of this text")
    return tuple(dict.fromkeys(mentions))
