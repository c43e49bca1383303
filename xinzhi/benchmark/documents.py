"""The texts to predict."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from ..errors import XinzhiError


def read_texts(files: Sequence[Path]) -> list[str]:
    """Read the texts of JSONL files.

    files (Sequence[Path]): One object with a "text" per line.
    RETURNS (list[str]): The texts that are not empty, in order.
    RAISES (XinzhiError): A file is missing, a line has no text, or there are no texts at all.
    """
    texts = [text for file in files for text in _texts_of(file)]
    if not texts:
        raise XinzhiError(
            f"{', '.join(map(str, files))}: no texts.", "Name a file with a text per line."
        )
    return texts


def _texts_of(file: Path) -> Iterator[str]:
    if not file.is_file():
        raise XinzhiError(
            f"{file} is not there.", "Run from the project's folder, or name texts: --documents"
        )
    for number, line in enumerate(file.read_text(encoding="utf8").split("\n"), 1):
        if line.strip():
            try:
                text = json.loads(line)["text"]
            except (ValueError, KeyError, TypeError) as err:
                raise XinzhiError(
                    f"{file}:{number}: not an object with a text.",
                    'Expected one per line: {"text": "一网通办真方便"}',
                ) from err
            if text:
                yield text


def endless(texts: Sequence[str]) -> Iterator[str]:
    """YIELDS (str): The texts again and again, cut and joined at another place each time, so that
    no document is ever exactly one that was seen before (until all places are used up)."""
    shift = 0
    while True:
        for text in texts:
            at = shift % len(text)
            yield text[at:] + text[:at]
        shift += 1


def of_length(texts: Sequence[str], characters: int) -> str:
    """RETURNS (str): A document of that many characters, made of the texts in order."""
    parts, missing = [], characters
    for text in endless(texts):
        parts.append(text[:missing])
        missing -= len(parts[-1])
        if not missing:
            break
    return "".join(parts)


def first(texts: Iterator[str], count: int) -> Iterator[str]:
    """RETURNS (Iterator[str]): The first of them."""
    return islice(texts, count)
