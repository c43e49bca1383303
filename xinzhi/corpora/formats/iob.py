"""spaCy's `.iob`: one sentence per line, each token as `word|tag` or `word|pos|tag`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..columns import decode, is_tag
from ..record import Problem, Record
from ._base import ReadOptions, Sample
from ._spacing import guess_spaces
from ._text import read_lines


class IobFormat:
    """Reads `.iob` files. `IOB` is the registered instance."""

    name = "iob"
    help = "spaCy's .iob: one sentence per line, each token word|tag or word|pos|tag"
    holds = frozenset({"entities"})

    def sniff(self, sample: Sample) -> float:
        """By the bars in every token of the first lines."""
        tokens = [token for line in sample.lines[:20] for token in line.split()]
        good = [token for token in tokens if "|" in token and is_tag(token.rpartition("|")[2])]
        return 0.6 if tokens and len(good) == len(tokens) else 0.0

    def read(self, path: Path, options: ReadOptions) -> Iterator[Record | Problem]:
        """Stream the lines of the file."""
        for item in read_lines(path, options.encoding):
            if isinstance(item, Problem):
                yield item
            elif item[1].strip():
                yield _read(item[1], path, item[0])


IOB = IobFormat()


def _read(line: str, path: Path, number: int) -> Record | Problem:
    tokens = [token.split("|") for token in line.split()]
    wrong = next((t for t in tokens if len(t) not in (2, 3) or not is_tag(t[-1])), None)
    if wrong is not None:
        return Problem(f"'{'|'.join(wrong)}' is not word|tag or word|pos|tag", path, number)
    words = [token[0] for token in tokens]
    text, offsets = "", []
    for word, space in zip(words, guess_spaces(words), strict=True):
        offsets.append((len(text), len(text) + len(word)))
        text += word + space
    record = Record(number, text, path, number)
    decoded = decode([token[-1] for token in tokens])
    record.spans = [(offsets[s][0], offsets[e - 1][1], label) for s, e, label in decoded.spans]
    record.unknown = [offsets[index] for index in decoded.missing]
    return record
