"""CLUENER-style JSON Lines: {"text": …, "label": {type: {words: [[first, last], …]}}}.

The second offset is that of the last character; records have the one after it. The words are kept
for the check of the offsets.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ..record import Problem, Record
from ._base import ReadOptions, Sample, WriteOptions
from ._fields import get_id, get_mapping, get_text, named_values
from ._json import Invalid, read_made, sample_objects, shown
from ._text import open_new


class CluenerFormat:
    """Reads and writes CLUENER's JSON Lines. `CLUENER` is the registered instance."""

    name = "cluener"
    help = "CLUENER-style JSON Lines: type, words, first and last character"
    holds = frozenset({"entities", "overlaps", "unannotated", "id"})
    suffix = ".json"

    def sniff(self, sample: Sample) -> float:
        """By labels that are objects of objects of lists."""
        labels = [item.get("label") for item in sample_objects(sample) if "text" in item]
        kinds = [x for label in labels if isinstance(label, dict) for x in label.values()]
        return 0.9 if kinds and all(isinstance(x, dict) for x in kinds) else 0.0

    def read(self, path: Path, options: ReadOptions) -> Iterator[Record | Problem]:
        """Stream the objects of the file."""

        def make(fields: dict[str, Any], line: int) -> Iterator[Record]:
            yield _read(fields, path, line, options)

        yield from read_made(path, options, make)

    def write(
        self,
        records: Iterable[Record],
        path: Path,
        options: WriteOptions,
        lose: Callable[[Problem], None],
    ) -> None:
        """One object per line."""
        with open_new(path) as file:
            for record in records:
                fields: dict[str, Any] = {"id": record.id, "text": record.text}
                if record.spans is not None:
                    label: dict[str, dict[str, list[list[int]]]] = {}
                    fields["label"] = label
                    for start, end, kind in record.spans:
                        places = label.setdefault(kind, {})
                        places.setdefault(record.text[start:end], []).append([start, end - 1])
                file.write(json.dumps(fields, ensure_ascii=False) + "\n")


CLUENER = CluenerFormat()


def _read(fields: dict[str, Any], path: Path, line: int, options: ReadOptions) -> Record:
    name = options.text or "text"
    heads, scores = named_values(fields, options)
    record = Record(get_id(fields, line), get_text(fields, name), path, line)
    record.cats, record.scores = heads, scores
    record.ignored = sorted({*fields} - {"id", "label", name, *options.heads, *options.scores})
    if fields.get("label") is None:
        return record
    record.spans = []
    for kind, words in get_mapping(fields, "label").items():
        if not isinstance(words, dict) or not kind:
            raise Invalid(f"'label' must hold objects of words, found {shown(words)}")
        for surface, places in words.items():
            for place in places if isinstance(places, list) else [places]:
                match place:
                    case [int(first), int(last)]:
                        span = (first, last + 1, kind)
                        record.spans.append(span)
                        record.surfaces[span] = surface
                    case _:
                        raise Invalid(f"'{surface}' must have [first, last], found {shown(place)}")
    return record
