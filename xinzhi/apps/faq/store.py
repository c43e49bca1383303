"""The knowledge base on disk: one SQLite file, so that nothing is ever half applied."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...errors import XinzhiError
from .entries import Entry

OUTSIDE = ""  # the "entry" of queries that no entry answers
WORDING, FULL, ASKED = range(3)  # kinds of texts
SCHEMA = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE entries (id TEXT PRIMARY KEY, question TEXT, answer TEXT, intent TEXT, similar TEXT);
CREATE TABLE texts (number INTEGER PRIMARY KEY, entry TEXT, kind INTEGER, text TEXT, vector BLOB);
CREATE INDEX texts_of_entries ON texts (entry);
"""


class Key(NamedTuple):
    """A text that queries are compared with.

    entry (str): Id of the entry it belongs to; OUTSIDE: what no entry answers.
    kind (int): WORDING of the question; FULL, question and answer; ASKED, what a user asked.
    text (str): The text.
    """

    entry: str
    kind: int
    text: str


def keys_of(entry: Entry) -> list[Key]:
    """RETURNS (list[Key]): What an entry is found by, without what users asked."""
    wordings = [Key(entry.id, WORDING, text) for text in entry.wordings]
    return [*wordings, Key(entry.id, FULL, entry.full)]


def _failure(path: Path, err: sqlite3.Error) -> XinzhiError:
    """RETURNS (XinzhiError): What to do about an error of SQLite."""
    if "locked" in str(err):
        return XinzhiError(f"{path} is being changed by another process.", "Try again.")
    if "readonly" in str(err):
        return XinzhiError(f"{path} cannot be written.", "Copy the index to a folder of yours.")
    if "full" in str(err):
        return XinzhiError(f"{path} cannot be written: {err}.", "Make room and try again.")
    return XinzhiError(f"{path} is damaged: {err}.", "Build the index anew.")


class Store:
    """The entries with their keys and vectors.

    path (Path): The SQLite file.
    RAISES (XinzhiError): If there is none, or it is no index.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise XinzhiError(f"There is no index {path.parent}.", "Make one: xinzhi faq build")
        self.connection = sqlite3.connect(path, check_same_thread=False)
        try:
            self.about = dict(self.connection.execute("SELECT key, value FROM about"))
        except sqlite3.DatabaseError as err:
            raise _failure(path, err) from err
        self.path = path

    @classmethod
    def create(cls, path: Path) -> Store:
        """RETURNS (Store): A new, empty store; the file must not exist."""
        connection = sqlite3.connect(path)
        with connection:
            connection.executescript(SCHEMA)
        connection.close()
        return cls(path)

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """All changes within are made, or none; errors of SQLite say what to do."""
        try:
            with self.connection as db:
                yield db
        except sqlite3.DatabaseError as err:
            raise _failure(self.path, err) from err

    def note(self, **about: str) -> None:
        """Remember what the index is made with."""
        with self.connection as db:
            db.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", about.items())
        self.about |= about

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def copy(self, path: Path) -> None:
        """Write a copy, also while others write."""
        target = sqlite3.connect(path)
        self.connection.backup(target)
        target.close()

    def version(self) -> int:
        """RETURNS (int): A number that changes when another process changes the store."""
        return int(self.connection.execute("PRAGMA data_version").fetchone()[0])

    def add(
        self, entries: Sequence[Entry], keys: Iterable[tuple[Key, np.ndarray]], replace: bool
    ) -> None:
        """Add entries and keys, all or none.

        entries (Sequence[Entry]): The entries.
        keys (Iterable): Their keys, or those of entries that are there, each with its vector.
        replace (bool): An entry of the same id is replaced; what users asked stays with it.
        RAISES (XinzhiError): If an id is there already.
        """
        with self._change() as db:
            for entry in entries:
                if replace:
                    keep = (entry.id, ASKED)
                    db.execute("DELETE FROM texts WHERE entry = ? AND kind != ?", keep)
                    db.execute("DELETE FROM entries WHERE id = ?", (entry.id,))
                similar = json.dumps(entry.similar, ensure_ascii=False)
                row = (entry.id, entry.question, entry.answer, entry.intent, similar)
                try:
                    db.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", row)
                except sqlite3.IntegrityError as err:
                    raise XinzhiError(
                        f"The entry '{entry.id}' is there already; nothing was added.",
                        "Give it another id, or replace it with --replace.",
                    ) from err
            for key, vector in keys:
                insert = "INSERT INTO texts (entry, kind, text, vector) VALUES (?, ?, ?, ?)"
                db.execute(insert, (*key, vector.astype("<f4").tobytes()))

    def remove(self, ids: Iterable[str]) -> None:
        """Remove entries, all or none, with what users asked.

        RAISES (XinzhiError): If one is not there.
        """
        with self._change() as db:
            for name in ids:
                if not db.execute("DELETE FROM entries WHERE id = ?", (name,)).rowcount:
                    raise XinzhiError(
                        f"There is no entry '{name}'; nothing was removed.", "Correct the id."
                    )
                db.execute("DELETE FROM texts WHERE entry = ?", (name,))

    def entries(self) -> dict[str, Entry]:
        """RETURNS (dict): Every entry by its id."""
        rows = self.connection.execute("SELECT id, question, answer, intent, similar FROM entries")
        return {
            name: Entry(name, question, answer, intent, tuple(json.loads(similar)))
            for name, question, answer, intent, similar in rows
        }

    def keys(self) -> tuple[list[Key], np.ndarray]:
        """RETURNS (tuple): Every key, by entry, and the vectors, shape (keys, width)."""
        found = self.connection.execute(
            "SELECT entry, kind, text, vector FROM texts ORDER BY entry, number"
        ).fetchall()
        if not found:
            return [], np.zeros((0, 0), dtype="float32")
        vectors = np.frombuffer(b"".join(row[3] for row in found), dtype="<f4")
        return [Key(*row[:3]) for row in found], vectors.reshape(len(found), -1)
