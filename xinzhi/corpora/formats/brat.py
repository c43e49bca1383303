"""brat standoff: a .txt with the text, and a .ann of the same name with the annotations.

Offsets count code points. A span in pieces ("0 5;16 23") is kept if only line breaks are between
the pieces, as brat writes spans over several lines; otherwise it is reported, and its pieces are
unknown ground. Relations, events and equivalences are counted; attributes, notes and normalisations
are ignored, and named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from ..record import Problem, Record, SpanTuple
from ._base import ReadOptions, Sample, WriteOptions
from ._names import from_name, to_name
from ._text import open_new, read_lines, read_pieces

ENTITY = re.compile(r"T[^\t]*\t(\S+) (\d+ \d+(?:;\d+ \d+)*)(?:\t(.*))?", re.DOTALL)
IGNORED = {"A": "attributes", "M": "attributes", "N": "normalisations", "#": "notes"}


class BratFormat:
    """Reads and writes brat's pairs of files. `BRAT` is the registered instance."""

    name = "brat"
    help = "brat standoff: a folder of .txt and .ann files (name either file, or the folder)"
    holds = frozenset({"entities", "overlaps", "id"})
    suffix = ""

    def sniff(self, sample: Sample) -> float:
        """By the names of the two files."""
        return float(sample.suffix in (".ann", ".txt") and sample.path.with_suffix(".ann").exists())

    def read(self, path: Path, options: ReadOptions) -> Iterator[Record | Problem]:
        """The one record of a pair of files."""
        ann, txt = path.with_suffix(".ann"), path.with_suffix(".txt")
        if not txt.exists():
            yield Problem(f"the text is missing: there is no {txt.name} beside it", ann)
            return
        pieces = list(read_pieces(txt, options.encoding))
        text = "".join(piece for piece in pieces if isinstance(piece, str)).removeprefix("\ufeff")
        yield from (piece for piece in pieces if isinstance(piece, Problem))
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            fact = "not UTF-8; save the file as UTF-8, or name its encoding"
            yield Problem(fact, txt, text.count("\n", 0, _first_bad(text)) + 1)
            return
        if not text:
            yield Problem("the text is empty", txt)
            return
        record = Record(from_name(txt.stem), text, txt, 1, spans=[])
        problems = list(_annotations(ann, record, options))
        errors = [problem for problem in problems if problem.kind == "error"]
        yield from (problem for problem in problems if problem.kind == "note")
        if errors:
            more = f" (and {len(errors) - 1} more such lines)" if len(errors) > 1 else ""
            yield replace(errors[0], fact=errors[0].fact + more, record_id=record.id)
        else:
            yield record

    def write(
        self,
        records: Iterable[Record],
        path: Path,
        options: WriteOptions,
        lose: Callable[[Problem], None],
    ) -> None:
        """A folder with two files for each record, named after its id."""
        path.mkdir()
        for record in records:
            txt = path / f"{to_name(record.id)}.txt"
            if txt.exists():
                lose(record.problem("another record has the same id, and so the same file"))
                continue
            with open_new(txt) as file:
                file.write(record.text)
            with open_new(txt.with_suffix(".ann")) as file:
                for number, span in enumerate(record.spans or (), start=1):
                    file.writelines(_written(record, number, span, lose))


BRAT = BratFormat()


def _first_bad(text: str) -> int:
    return next(index for index, char in enumerate(text) if "\udc80" <= char <= "\udcff")


def _annotations(ann: Path, record: Record, options: ReadOptions) -> Iterator[Problem]:
    """Put the annotations of a .ann file into the record."""
    ignored: set[str] = set()
    for item in read_lines(ann, options.encoding):
        if isinstance(item, Problem):
            yield item
            continue
        number, line = item
        if not line.strip():
            continue
        if line[0] == "T":
            match = ENTITY.fullmatch(line)
            if match is None:
                yield Problem(f"malformed entity: {line!r}", ann, number, record.id)
                continue
            _add(record, match, ann, number)
        elif line[0] in "RE*":
            record.relations += 1
        elif line[0] in IGNORED:
            ignored.add(IGNORED[line[0]])
        else:
            yield Problem(f"unknown annotation: {line!r}", ann, number, record.id)
    record.ignored = sorted(ignored)


def _add(record: Record, match: re.Match[str], ann: Path, number: int) -> None:
    label, places, words = match.groups()
    assert record.spans is not None
    pieces = sorted((int(a), int(b)) for a, b in (x.split(" ") for x in places.split(";")))
    joined = [pieces[0]]
    for start, end in pieces[1:]:
        if _is_line_break(record.text[joined[-1][1] : start]):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    if len(joined) > 1:
        record.lost.append(f"{ann}:{number}: discontinuous span '{label}' {places} ({words})")
        record.unknown += joined
        return
    span = (*joined[0], label)
    record.spans.append(span)
    if words is not None and len(pieces) == 1:
        record.surfaces[span] = words


def _is_line_break(gap: str) -> bool:
    return not gap.strip() and ("\n" in gap or "\r" in gap or not gap)


def _written(
    record: Record, number: int, span: SpanTuple, lose: Callable[[Problem], None]
) -> Iterator[str]:
    start, end, label = span
    words = record.text[start:end]
    pieces = [
        (start + match.start(), start + match.end()) for match in re.finditer(r"[^\r\n]+", words)
    ]
    covered = pieces and (pieces[0][0], pieces[-1][1]) == (start, end)
    if not covered or any(char.isspace() or char == ";" for char in label):
        fact = (
            f"entity [{start}, {end}, '{label}']: line breaks at its edges or a space in its label"
        )
        lose(record.problem(fact, "note"))
        return
    places = ";".join(f"{a} {b}" for a, b in pieces)
    shown = " ".join(record.text[a:b] for a, b in pieces)
    yield f"T{number}\t{label} {places}\t{shown}\n"
    if span in record.confidence:
        yield f"#{number}\tAnnotatorNotes T{number}\tconfidence {record.confidence[span]:.3f}\n"
