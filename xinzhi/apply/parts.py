"""Numbered parts of a job: the unit of work, of a checkpoint and of a retry."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..corpora.record import Problem
from ..errors import XinzhiError
from ..files import write_json
from .inputs import Text

PART_SIZE = 1000
JOB = "job.json"


@dataclass(frozen=True)
class Part:
    """Some texts of the input, one after the other.

    number (int): From 1.
    items (list): The texts, and the problems between them.
    """

    number: int
    items: list[Text | Problem]

    @property
    def digest(self) -> str:
        """Checksum of all that decides the output: ids, texts and metadata, in order."""
        lines = (json.dumps(plain_item(item), sort_keys=True, default=str) for item in self.items)
        return hashlib.sha256("\n".join(lines).encode("utf8", "replace")).hexdigest()


@dataclass(frozen=True)
class Done:
    """What is on disk of a part.

    number (int): The part.
    digest (str): Checksum of its input.
    texts (int): Texts predicted.
    problems (int): Records that could not be.
    """

    number: int
    digest: str
    texts: int
    problems: int


def plain_item(item: Text | Problem) -> dict[str, Any]:
    """RETURNS (dict): A text or a problem as JSON values."""
    return item.to_dict() if isinstance(item, Problem) else asdict(item)


def cut(items: Iterable[Text | Problem], size: int = PART_SIZE) -> Iterator[Part]:
    """RETURNS (Iterator[Part]): The items in parts of `size`; the last may be shorter."""
    number, block = 1, []
    for item in items:
        block.append(item)
        if len(block) == size:
            yield Part(number, block)
            number, block = number + 1, []
    if block:
        yield Part(number, block)


class Folder:
    """The folder of a job that is under way: parts, their marks, and what the job is.

    path (Path): The folder.
    suffix (str): Suffix of the files with rows.
    """

    def __init__(self, path: Path, suffix: str) -> None:
        self.path = path
        self.suffix = suffix

    def rows(self, number: int) -> Path:
        """RETURNS (Path): The rows of a part."""
        return self.path / f"{number:06}{self.suffix}"

    def problems(self, number: int) -> Path:
        """RETURNS (Path): The problems of a part."""
        return self.path / f"{number:06}.errors.jsonl"

    def staged(self, number: int) -> Path:
        """RETURNS (Path): The input of a part, for engines whose workers are elsewhere."""
        return self.path / f"{number:06}.input.json"

    def _mark(self, number: int) -> Path:
        return self.path / f"{number:06}.done.json"

    def done(self, number: int) -> Done | None:
        """RETURNS (Done | None): The mark of a part that is complete."""
        try:
            return Done(**json.loads(self._mark(number).read_text(encoding="utf8")))
        except (FileNotFoundError, ValueError):  # not there, or lost in a power cut
            return None

    def mark(self, done: Done) -> None:
        """Say that a part is complete; its files are on disk."""
        write_json(self._mark(done.number), asdict(done))

    def stage(self, part: Part) -> None:
        """Write the input of a part."""
        items = [
            ["problem" if isinstance(i, Problem) else "text", plain_item(i)] for i in part.items
        ]
        write_json(self.staged(part.number), items)

    def read_staged(self, number: int) -> Part:
        """RETURNS (Part): The input of a part, as `stage` wrote it."""
        items = json.loads(self.staged(number).read_text(encoding="utf8"))
        return Part(number, [_item(kind, value) for kind, value in items])

    def begin(self, settings: dict[str, Any]) -> int:
        """Start a job here, or go on with the one that is.

        settings (dict): All that decides the output, as JSON values.
        RETURNS (int): Number of parts that are done already.
        RAISES (XinzhiError): If the one under way has other settings.
        """
        file = self.path / JOB
        if not file.is_file():
            self.clear()  # what was left of a job that was being removed
        else:
            before = json.loads(file.read_text(encoding="utf8"))
            if before != settings:
                changed = [key for key in settings if before.get(key) != settings[key]]
                raise XinzhiError(
                    f"{self.path} holds an unfinished run with other settings "
                    f"({', '.join(changed) or 'an older version'}).",
                    "Repeat the command as it was, or begin anew with --restart.",
                )
        write_json(file, settings)
        return sum(1 for _ in self.path.glob("*.done.json"))

    def clear(self) -> None:
        """Remove all files; first what says that there is a job, should this be killed."""
        (self.path / JOB).unlink(missing_ok=True)
        for path in self.path.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _item(kind: str, value: dict[str, Any]) -> Text | Problem:
    if kind == "text":
        return Text(**value)
    return Problem(
        value["fact"], Path(value["file"]), value["line"], value["record"], value["kind"]
    )
