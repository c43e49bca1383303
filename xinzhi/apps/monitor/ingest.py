"""Dated texts into the database: each once, however often it comes and whatever stops the run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, tzinfo
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...corpora.record import Problem
from ...errors import XinzhiError
from .database import Database
from .dates import UTC, BadTime, parse_time, wall_clock
from .posts import (
    BadPost,
    Labels,
    Post,
    PostFields,
    given_labels,
    post_id,
    predicted_labels,
    text_key,
)

if TYPE_CHECKING:
    from spacy.language import Language

    from ...apply.inputs import Text

BATCH = 5_000  # posts in a transaction
NO_ID = "\0"  # a field that no record has: ids are read here, where a missing one is seen
Labeller = Callable[[Sequence[Post]], list[Labels | str]]


@dataclass
class IngestReport:
    """What became of the records.

    new (int): Posts that are now in the database.
    known (int): Posts that were there already, the same text at the same time.
    rejected (int): Records that could not be taken; see the table `rejects`.
    first, last (datetime | None): Times of the earliest and the latest new post, UTC.
    """

    new: int = 0
    known: int = 0
    rejected: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """RETURNS (dict): JSON values."""
        return {k: str(v) if isinstance(v, datetime) else v for k, v in asdict(self).items()}


@dataclass(frozen=True)
class Reject:
    """A record that is left out, a row of the table `rejects`."""

    file: str
    line: int
    fact: str
    post_id: str | None
    record: str | None


def ingest(
    database: Database,
    patterns: Iterable[str],
    *,
    pipeline: Language | None = None,
    fields: PostFields | None = None,
    assume_zone: tzinfo | None = None,
    strict: bool = False,
    now: datetime | None = None,
) -> IngestReport:
    """Put the posts of files into the database, in batches: a batch is taken whole or not at all.

    A post that is there already is left as it is, so that the same files can come again, in whole
    or in part, and a run that was stopped can be started again.

    database (Database): Open for writing.
    patterns (Iterable[str]): Files, folders or globs: JSON Lines, CSV, TSV, Parquet.
    pipeline (Language | None): Labels the posts; None: the records carry their labels.
    fields (PostFields | None): Which fields hold what.
    assume_zone (tzinfo | None): The zone of times that name none; None: such records are rejected.
    strict (bool): One transaction for everything, and a rejected record is an error.
    now (datetime | None): Later posts are rejected; the clock's time by default.
    RETURNS (IngestReport): How many posts are new, known, rejected.
    RAISES (XinzhiError): A file cannot be found or is of no kind that can be read; with `strict`,
        the first rejected record.
    """
    from ...apply.inputs import Fields, find_files, read_texts

    fields = fields or PostFields()
    records = read_texts(find_files(patterns), Fields(text=fields.text, id=NO_ID))
    now = now or datetime.now(UTC)
    posts = (_make_post(record, fields, assume_zone, now) for record in records)
    label = _given(fields) if pipeline is None else _predicted(pipeline, fields)
    name = "" if pipeline is None else pipeline_name(pipeline)
    report = IngestReport()
    if strict:
        with database.transaction():
            for batch in _batches(posts):
                _store(database, batch, label, name, report, strict=True)
    else:
        for batch in _batches(posts):
            with database.transaction():
                _store(database, batch, label, name, report)
    return report


def pipeline_name(nlp: Language) -> str:
    """RETURNS (str): Language, name and version of a pipeline."""
    meta = nlp.meta
    return f"{meta.get('lang', '')}_{meta.get('name', 'pipeline')}-{meta.get('version', '0')}"


def write_rejects(database: Database, path: Path) -> int:
    """Write the rejected records as JSON Lines.

    database (Database): An open database.
    path (Path): The file; it appears when it is complete.
    RETURNS (int): How many there are.
    """
    from ...files import write_text

    names = ("file", "line", "fact", "post_id", "record")
    rows = database.rows(f"SELECT {', '.join(names)} FROM rejects ORDER BY file, line, fact")
    lines = [json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) for row in rows]
    write_text(path, "".join(line + "\n" for line in lines))
    return len(rows)


def _batches(items: Iterable[Post | Reject]) -> Iterator[list[Post | Reject]]:
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def _make_post(
    record: Text | Problem, fields: PostFields, zone: tzinfo | None, now: datetime
) -> Post | Reject:
    if isinstance(record, Problem):
        line = record.line or 0
        return Reject(str(record.source), line, record.fact, _or_none(record.record_id), None)
    try:
        if not record.text.strip():
            raise BadPost("the text is empty")
        time = parse_time(record.meta.get(fields.time), zone, now)
        channel = record.meta.get(fields.channel)
        identity = post_id(record, fields, time)
        return Post(identity, time, record.text, str(channel or ""), record)
    except (BadTime, BadPost) as err:
        return _reject(record, str(err), record.meta.get(fields.id))


def _reject(record: Text, fact: str, identity: Any) -> Reject:
    content = json.dumps({"text": record.text, **record.meta}, ensure_ascii=False)
    return Reject(record.source, record.line, fact, _or_none(identity), content)


def _or_none(value: Any) -> str | None:
    return None if value is None else str(value)


def _given(fields: PostFields) -> Labeller:
    """Labels from the records themselves."""

    def label(posts: Sequence[Post]) -> list[Labels | str]:
        found: list[Labels | str] = []
        for post in posts:
            try:
                found.append(given_labels(post.origin, fields))
            except BadPost as err:
                found.append(str(err))
        return found

    return label


def _predicted(nlp: Language, fields: PostFields) -> Labeller:
    """Labels from a pipeline."""

    def label(posts: Sequence[Post]) -> list[Labels | str]:
        docs = nlp.pipe([post.text for post in posts])
        return [predicted_labels(doc, fields) for doc in docs]

    return label


def _store(
    database: Database,
    batch: list[Post | Reject],
    label: Labeller,
    name: str,
    report: IngestReport,
    strict: bool = False,
) -> None:
    """Put one batch into the database, within a transaction."""
    rejects = [item for item in batch if isinstance(item, Reject)]
    posts = [item for item in batch if isinstance(item, Post)]
    stored = _stored(database, posts)
    new: dict[str, Post] = {}
    known = 0
    for post in posts:
        same = stored.get(post.id)
        if same is None and post.id not in new:
            new[post.id] = post
        elif (same or _content(new[post.id])) == _content(post):
            known += 1
        else:
            fact = f"another post with the id {post.id} has a different text or time"
            rejects.append(_reject(post.origin, fact, post.id))
    labelled = list(zip(new.values(), label(list(new.values())), strict=True))
    rejects += [_reject(p.origin, fact, p.id) for p, fact in labelled if isinstance(fact, str)]
    if strict and rejects:
        first = min(rejects, key=lambda reject: reject.line)
        raise XinzhiError(
            f"{first.file}:{first.line}: {first.fact}.",
            "Nothing was taken. Correct the record, or leave out --strict to set it aside.",
        )
    taken = [(post, labels) for post, labels in labelled if isinstance(labels, Labels)]
    _insert_posts(database, taken, name)
    _insert_mentions(database, taken)
    report.rejected += _insert_rejects(database, rejects)
    report.known += known
    report.new += len(taken)
    times = [post.time for post, _ in taken]
    report.first = min([*times, *filter(None, [report.first])], default=None)
    report.last = max([*times, *filter(None, [report.last])], default=None)


def _content(post: Post) -> tuple[str, datetime]:
    return post.text, post.time.replace(tzinfo=None)


def _stored(database: Database, posts: Sequence[Post]) -> dict[str, tuple[str, datetime]]:
    """RETURNS (dict): Id to text and time of those that are in the database."""
    if not posts:
        return {}
    rows = _staged(
        database,
        {"id": _texts([post.id for post in posts])},
        "SELECT id, text, posted_at FROM posts WHERE id IN (SELECT id FROM staged)",
    )
    return {identity: (text, time) for identity, text, time in rows}


def _insert_posts(database: Database, taken: list[tuple[Post, Labels]], name: str) -> None:
    if not taken:
        return
    posts, labels = [post for post, _ in taken], [label for _, label in taken]
    columns = {
        "id": _texts([post.id for post in posts]),
        "posted_at": _times([post.time.replace(tzinfo=None) for post in posts]),
        "local_at": _times([wall_clock(post.time, database.zone) for post in posts]),
        "channel": _texts([post.channel for post in posts]),
        "text": _texts([post.text for post in posts]),
        "text_key": np.array([text_key(post.text) for post in posts], dtype=np.int64),
        "topic": _texts([label.topic for label in labels]),
        "sentiment": _texts([label.sentiment for label in labels]),
        "topic_confidence": _numbers([label.topic_confidence for label in labels]),
        "sentiment_confidence": _numbers([label.sentiment_confidence for label in labels]),
        "labelled_by": _texts([name] * len(posts)),
    }
    _staged(database, columns, "INSERT INTO posts SELECT * FROM staged")


def _insert_mentions(database: Database, taken: list[tuple[Post, Labels]]) -> None:
    rows = [(post.id, mention) for post, labels in taken for mention in labels.mentions]
    if not rows:
        return
    columns = {
        "post_id": _texts([identity for identity, _ in rows]),
        "start_char": np.array([mention.start for _, mention in rows], dtype=np.int32),
        "end_char": np.array([mention.end for _, mention in rows], dtype=np.int32),
        "label": _texts([mention.label for _, mention in rows]),
        "surface": _texts([mention.surface for _, mention in rows]),
        "confidence": _numbers([mention.confidence for _, mention in rows]),
    }
    _staged(database, columns, "INSERT INTO mentions SELECT * FROM staged")


def _insert_rejects(database: Database, rejects: list[Reject]) -> int:
    """RETURNS (int): How many there were; one that is in the table already is counted, too."""
    if rejects:
        columns = {
            "file": _texts([reject.file for reject in rejects]),
            "line": np.array([reject.line for reject in rejects], dtype=np.int32),
            "fact": _texts([reject.fact for reject in rejects]),
            "post_id": _texts([reject.post_id for reject in rejects]),
            "record": _texts([reject.record for reject in rejects]),
        }
        sql = "INSERT INTO rejects SELECT * FROM staged ON CONFLICT DO NOTHING"
        _staged(database, columns, sql)
    return len(rejects)


def _staged(database: Database, columns: dict[str, np.ndarray], sql: str) -> list[tuple[Any, ...]]:
    """Run SQL on arrays, as the table `staged`."""
    database.connection.register("staged", columns)
    try:
        return database.rows(sql)
    finally:
        database.connection.unregister("staged")


def _texts(values: list[Any]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _times(values: list[datetime]) -> np.ndarray:
    return np.array(values, dtype="datetime64[us]")


def _numbers(values: list[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=float)
