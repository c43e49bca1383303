"""spaCy v2's JSON training format: documents of paragraphs of sentences of tokens.

Each paragraph is a record. Its text is `raw`, or the tokens with the spaces they say.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...head_keys import PLAIN, split_key
from ..columns import decode
from ..record import HeadValue, Problem, Record
from ._base import ReadOptions, Sample
from ._fields import get_list, get_mapping, is_number
from ._json import Invalid, read_made, sample_objects, shown

# How the Penn Treebank writes what stands in the text.
TREEBANK = {"``": '"', "''": '"', "-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]"}


class SpacyJsonFormat:
    """Reads spaCy v2 JSON. `SPACY_JSON` is the registered instance."""

    name = "spacy-json"
    help = "spaCy v2 JSON (paragraphs, sentences, tokens with BILUO tags)"
    holds = frozenset({"entities", "unannotated", "cats", "soft", "id", "unknown"})

    def sniff(self, sample: Sample) -> float:
        """By the paragraphs."""
        if any("paragraphs" in item for item in sample_objects(sample)):
            return 0.95
        start = sample.text[:2000]  # one document may be longer than the sample
        return 0.8 if '"paragraphs"' in start and '"sentences"' in start else 0.0

    def read(self, path: Path, options: ReadOptions) -> Iterator[Record | Problem]:
        """Stream the documents of the file."""

        def make(document: dict[str, Any], line: int) -> Iterator[Record | Problem]:
            paragraphs = get_list(document, "paragraphs")
            for number, paragraph in enumerate(paragraphs):
                identity = document.get("id", line)
                own = identity if len(paragraphs) == 1 else f"{identity}.{number}"
                try:
                    yield _read(paragraph, path, line, own)
                except Invalid as err:
                    yield Problem(str(err), path, line, own)

        yield from read_made(path, options, make)


SPACY_JSON = SpacyJsonFormat()


def _read(paragraph: Any, path: Path, line: int, identity: str | int) -> Record:
    if not isinstance(paragraph, dict):
        raise Invalid(f"a paragraph must be an object, found {shown(paragraph)}")
    tokens = [
        token
        for sentence in get_list(paragraph, "sentences")
        for token in get_list(sentence, "tokens")
    ]
    words = [str(token.get("orth", "")) for token in tokens]
    raw = paragraph.get("raw")
    if raw is None:
        spaces = [" " if token.get("space", True) else "" for token in tokens]
        raw = "".join(map("".join, zip(words, spaces, strict=True))).removesuffix(" ")
    if not isinstance(raw, str) or not raw:
        raise Invalid("the text is empty")
    record = Record(identity, raw, path, line, cats=_cats(paragraph))
    tags = [token.get("ner") or "-" for token in tokens]
    if any(tag != "-" for tag in tags):
        offsets = _offsets(words, raw)
        try:
            decoded = decode(tags)
        except ValueError as err:
            raise Invalid(f"'{err}' is no tag") from err
        record.spans = [(offsets[s][0], offsets[e - 1][1], label) for s, e, label in decoded.spans]
        record.unknown = [offsets[index] for index in decoded.missing]
    relations = get_mapping(paragraph, "links")
    record.ignored = ["links"] if relations else []
    return record


def _offsets(words: list[str], text: str) -> list[tuple[int, int]]:
    """Where the tokens are in the text, one after the other."""
    offsets = []
    position = 0
    for word in words:
        while text[position : position + 1].isspace() and not text.startswith(word, position):
            position += 1
        here = [
            form for form in (word, TREEBANK.get(word, word)) if text.startswith(form, position)
        ]
        if not here:
            raise Invalid(f"the token '{word}' is not where it should be in the text")
        offsets.append((position, position + len(here[0])))
        position += len(here[0])
    return offsets


def _cats(paragraph: dict[str, Any]) -> dict[str, HeadValue]:
    """As in `doc.cats`: "head/label", or labels of the head "cats"."""
    heads: dict[str, dict[str, float]] = {}
    for item in get_list(paragraph, "cats"):
        match item:
            case {"label": str(name), "value": value} if is_number(value) and 0 <= value <= 1:
                head, label = split_key(name, PLAIN)
                heads.setdefault(head, {})[label] = float(value)
            case _:
                fact = f"'cats' must hold labels with values from 0 to 1, found {shown(item)}"
                raise Invalid(fact)
    return dict(heads)
