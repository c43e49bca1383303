"""fastText: `__label__A __label__B the text`, one text per line.

The labels are those of the head "label", or of the one that the user names (--head label=topic).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ...errors import XinzhiError
from ..record import Problem, Record
from ._base import ReadOptions, Sample, WriteOptions
from ._fields import LABEL, true_labels
from ._text import open_new, read_lines

PREFIX = "__label__"


class FasttextFormat:
    """Reads and writes fastText's lines. `FASTTEXT` is the registered instance."""

    name = "fasttext"
    help = "fastText: __label__A __label__B text; one head"
    holds = frozenset({"cats"})
    suffix = ".txt"

    def sniff(self, sample: Sample) -> float:
        """By the prefix of the first lines."""
        lines = sample.lines[:50]
        good = sum(line.startswith(PREFIX) for line in lines)
        return 0.9 if good and good > 0.5 * len(lines) else 0.0

    def read(self, path: Path, options: ReadOptions) -> Iterator[Record | Problem]:
        """Stream the lines of the file."""
        head = options.heads.get(LABEL, LABEL)
        for item in read_lines(path, options.encoding):
            if isinstance(item, Problem):
                yield item
            elif item[1].strip():
                yield _read(item[1], path, item[0], head)

    def write(
        self,
        records: Iterable[Record],
        path: Path,
        options: WriteOptions,
        lose: Callable[[Problem], None],
    ) -> None:
        """One line per text, with the labels of the only head."""
        if len(options.heads) > 1:
            raise XinzhiError(
                f"fastText files have one head; this corpus has {', '.join(options.heads)}.",
                "Choose one with --only-head.",
            )
        with open_new(path) as file:
            for record in records:
                labels = [label for _, label in true_labels(record)]
                reason = _unwritable(record.text, labels)
                if reason:
                    lose(record.problem(reason))
                else:
                    file.write(" ".join([*(PREFIX + label for label in labels), record.text]))
                    file.write("\n")


FASTTEXT = FasttextFormat()


def _read(line: str, path: Path, number: int, head: str) -> Record | Problem:
    labels = []
    while line.startswith(PREFIX):
        label, _, line = line.partition(" ")
        labels.append(label.removeprefix(PREFIX))
    if not line:
        return Problem("the text is empty", path, number)
    if not all(labels) or len(set(labels)) < len(labels):
        return Problem("a label is empty or named twice", path, number)
    return Record(number, line, path, number, cats={head: labels} if labels else {})


def _unwritable(text: str, labels: list[str]) -> str | None:
    if "\n" in text or "\r" in text:
        return "the text has several lines; fastText has one text per line"
    if text.startswith(PREFIX) or not text.strip():
        return f"the text begins with {PREFIX} or is blank"
    if any(char.isspace() for label in labels for char in label):
        return f"a label has white space in it: {', '.join(labels)}"
    if not labels:
        return "it has no label"
    return None
