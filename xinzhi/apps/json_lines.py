"""Reading what users give to an application as JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ..errors import XinzhiError


class Named(Protocol):
    """Something with an id."""

    @property
    def id(self) -> str:
        """RETURNS (str): Its id."""


Kind = TypeVar("Kind", bound=Named)


def unique_by_id(found: Iterable[tuple[int, Kind]], path: Path, kind: str) -> list[Kind]:
    """Keep things in order, each with an id of its own.

    found (Iterable[tuple]): The number of a line, and what it holds.
    path (Path): The file, for the message.
    kind (str): What one of them is called, for the message.
    RETURNS (list): What the lines hold.
    RAISES (XinzhiError): If two have the same id.
    """
    lines: dict[str, int] = {}
    things = []
    for line, thing in found:
        if thing.id in lines:
            raise XinzhiError(
                f"{path}:{line}: the id '{thing.id}' is that of line {lines[thing.id]}, too.",
                f"Give every {kind} an id of its own.",
            )
        lines[thing.id] = line
        things.append(thing)
    return things


def read_records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read JSON Lines.

    path (Path): The file, in UTF-8.
    YIELDS (tuple): The number of a line, and its object; empty lines are passed over.
    RAISES (XinzhiError): If it cannot be read, or a line is no JSON object.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as err:
        raise XinzhiError(f"{path} cannot be read: {err}.", "Name a JSONL file in UTF-8.") from err
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield number, _record(line, f"{path}:{number}")


def _record(line: str, place: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as err:
        raise XinzhiError(f"{place}: this is not JSON: {err}.", "Correct the line.") from err
    if not isinstance(record, dict):
        raise XinzhiError(f"{place}: this is no JSON object.", "Correct the line.")
    return record
