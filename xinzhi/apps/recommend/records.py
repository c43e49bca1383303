"""Items and what users did with them, read from JSON Lines."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import XinzhiError
from ..json_lines import unique_by_id


@dataclass(frozen=True)
class Item:
    """Something to recommend.

    id (str): Its id.
    text (str): What it is, in words.
    categories (tuple[str]): Genres, topics, tags.
    time (float | None): When it came out, in seconds since 1970; None: not known.
    """

    id: str
    text: str
    categories: tuple[str, ...] = ()
    time: float | None = None

    @property
    def words(self) -> str:
        """RETURNS (str): Text and categories."""
        return f"{self.text} ({', '.join(self.categories)})" if self.categories else self.text


@dataclass(frozen=True)
class Events:
    """What users did, by time: row r says that a user had to do with an item.

    names (list[str]): The users.
    user, item (ndarray): Numbers of the user and of the item, int64, shape (events,).
    time (ndarray): Seconds since 1970, float64, ascending.
    liked (ndarray): Whether the user liked it; if not, it is only known to the user.
    """

    names: list[str]
    user: np.ndarray
    item: np.ndarray
    time: np.ndarray
    liked: np.ndarray

    def before(self, time: float) -> Events:
        """RETURNS (Events): Those that are earlier."""
        end = int(np.searchsorted(self.time, time))
        columns = (self.user[:end], self.item[:end], self.time[:end], self.liked[:end])
        return Events(self.names, *columns)


def read_items(path: Path) -> list[Item]:
    """Read items: {"id", "text", "categories": [...], "time"} a line, the last two optional.

    path (Path): The file.
    RETURNS (list[Item]): The items.
    RAISES (XinzhiError): If there is none, one is incomplete, or two have the same id.
    """
    found = ((line, _item(record, f"{path}:{line}")) for line, record in _records(path))
    items = unique_by_id(found, path, "item")
    if not items:
        raise XinzhiError(f"{path} has no items.", 'Write {"id", "text"} a line.')
    return items


def read_events(path: Path, items: list[Item]) -> Events:
    """Read events: {"user", "item", "time", "liked": true or false} a line; "liked" may be absent,
    which means true.

    path (Path): The file.
    items (list[Item]): All items.
    RETURNS (Events): The events.
    RAISES (XinzhiError): If there is none, or one is incomplete or names an unknown item.
    """
    numbers = {item.id: number for number, item in enumerate(items)}
    users: dict[str, int] = {}
    rows = []
    for line, record in _records(path):
        place = f"{path}:{line}"
        user, item = _id(record, "user", place), _id(record, "item", place)
        if item not in numbers:
            raise XinzhiError(
                f"{place}: there is no item '{item}'.", "Correct it, or add the item."
            )
        liked = record.get("liked", True)
        if not isinstance(liked, bool):
            raise XinzhiError(f"{place}: 'liked' is {liked!r}.", "Use true or false.")
        time = _time(record.get("time"), place)
        rows.append((time, users.setdefault(user, len(users)), numbers[item], liked))
    if not rows:
        raise XinzhiError(f"{path} has no events.", 'Write {"user", "item", "time"} a line.')
    rows.sort(key=lambda row: row[0])
    time_, user_, item_, liked_ = map(np.array, zip(*rows, strict=True))
    return Events(list(users), user_, item_, time_.astype(float), liked_)


def _item(record: dict[str, Any], place: str) -> Item:
    text, categories = record.get("text"), record.get("categories", [])
    if not isinstance(text, str) or not text.strip():
        raise XinzhiError(f"{place}: 'text' is missing or empty.", "Correct the line.")
    if not isinstance(categories, list) or not all(isinstance(name, str) for name in categories):
        raise XinzhiError(f"{place}: 'categories' is no list of names.", "Correct the line.")
    time = record.get("time")
    return Item(
        _id(record, "id", place),
        text,
        tuple(categories),
        None if time is None else _time(time, place),
    )


def _id(record: dict[str, Any], key: str, place: str) -> str:
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        raise XinzhiError(f"{place}: '{key}' is missing, or no id.", "Use a string or an integer.")
    return str(value)


def _time(value: Any, place: str) -> float:
    """RETURNS (float): Seconds since 1970. A time without a zone is one in UTC."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    try:
        found = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError) as err:
        raise XinzhiError(
            f"{place}: {value!r} is no time.", "Use ISO 8601 or seconds since 1970."
        ) from err


def _records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    record = json.loads(line)
                    if not isinstance(record, dict):
                        raise ValueError("no JSON object")
                    yield number, record
    except OSError as err:
        raise XinzhiError(f"{path} cannot be read: {err.strerror}.", "Name a JSONL file.") from err
    except ValueError as err:
        raise XinzhiError(f"{path}:{number}: {err}", "Write a JSON object a line.") from err
