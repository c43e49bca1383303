"""WebAnno TSV 3 (INCEpTION): a document per file, with offsets in UTF-16 units.

Entities are the annotations of every span layer but the linguistic ones of single tokens (parts of
speech, lemmas, …). Their label is the feature `value` or the first one that is set; an annotation
without features gets the name of its layer. An annotation over several tokens is found by its
number in brackets. Relations, slots and chains are counted.

Format: inception-project.github.io, user guide, "WebAnno TSV 3.3".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..record import Problem, Record, SpanTuple
from ._base import ReadOptions, Sample, WriteOptions
from ._names import from_name, to_name
from ._text import open_new, read_lines
from ._tokens import token_cutter
from ._utf16 import from_utf16, to_utf16

LINGUISTIC = (".lexmorph.", ".segmentation.", ".syntax.", ".morph.")
ROW = re.compile(r"\d+-\d+(?:\.\d+)?")
VALUE = re.compile(r"(.*?)(?:(?<!\\)\[(\d+)\])?", re.DOTALL)
BAR = re.compile(r"(?<!\\)\|")
LAYER = "de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity"
NO_VALUE, NO_ANNOTATION = "*", "_"
_TEXT = {"\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", "\b": "\\b", "\\": "\\\\"}
_UNTEXT = {escape[1]: char for char, escape in _TEXT.items()}
_RESERVED = re.compile(r"[\\\[\]|_;*]|->")


@dataclass(frozen=True)
class Layer:
    """A layer of the header: its columns, and which of them is the label."""

    name: str
    kind: str
    features: tuple[str, ...]
    first: int

    @property
    def is_entities(self) -> bool:
        """Whether its annotations are entities."""
        return self.kind == "SP" and not any(part in self.name for part in LINGUISTIC)


@dataclass
class _Document:
    """A file, as it is read; offsets in UTF-16 units."""

    layers: list[Layer] = field(default_factory=list)
    text: str = ""
    units: int = 0  # length of the text
    pending: list[str] = field(default_factory=list)  # #Text lines that have no offset yet
    found: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    labels: dict[tuple[str, str], str] = field(default_factory=dict)
    relations: int = 0
    ignored: set[str] = field(default_factory=set)
    single: int = 0  # annotations without a number

    def start_sentence(self, begin: int) -> None:
        """Place the text of a sentence whose first token begins at an offset."""
        if not self.pending:
            return
        gap = begin - self.units
        if gap < 0 and self.text:
            raise ValueError(f"the sentence begins at {begin}, inside the one before")
        sentence = "\n".join(self.pending)
        self.text += ("\n" + " " * (gap - 1) if gap > 0 and self.text else " " * gap) + sentence
        self.units = begin + to_utf16(sentence, len(sentence))
        self.pending = []


class WebannoFormat:
    """Reads and writes WebAnno TSV 3.3. `WEBANNO` is the registered instance."""

    name = "webanno"
    help = "WebAnno/INCEpTION TSV 3.3: a folder of .tsv files, one for each text"
    holds = frozenset({"entities", "overlaps", "id"})
    suffix = ""

    def sniff(self, sample: Sample) -> float:
        """By its first line."""
        return float(sample.text.startswith("#FORMAT=WebAnno TSV 3"))

    def read(self, path: Path, options: ReadOptions) -> Iterator[Record | Problem]:
        """The one record of a file."""
        document = _Document()
        line = 0
        for item in read_lines(path, options.encoding):
            if isinstance(item, Problem):
                yield item
                if item.kind == "error":
                    return
                continue
            line, text = item
            try:
                _read_line(document, text)
            except (ValueError, IndexError) as err:
                yield Problem(f"malformed line ({err}): {text!r}", path, line)
                return
        if document.pending:  # a sentence without tokens
            document.start_sentence(document.units + bool(document.text))
        yield _record(document, path)

    def write(
        self,
        records: Iterable[Record],
        path: Path,
        options: WriteOptions,
        lose: Callable[[Problem], None],
    ) -> None:
        """A folder with one file for each record, named after its id."""
        path.mkdir()
        cut = token_cutter(options.lang)
        for record in records:
            file_path = path / f"{to_name(record.id)}.tsv"
            if file_path.exists():
                lose(record.problem("another record has the same id, and so the same file"))
                continue
            with open_new(file_path) as file:
                file.write(f"#FORMAT=WebAnno TSV 3.3\n#T_SP={LAYER}|value\n\n\n")
                file.writelines(_rows(record, cut(record), lose))


WEBANNO = WebannoFormat()


def _read_line(document: _Document, line: str) -> None:
    if line.startswith("#Text="):
        document.pending.append(_unescape_text(line.removeprefix("#Text=")))
    elif line.startswith("#T_"):
        kind, _, declared = line[3:].partition("=")
        name, *features = declared.split("|")
        first = sum(max(1, len(layer.features)) for layer in document.layers)
        document.layers.append(Layer(name, kind, tuple(features), first))
    elif line and not line.startswith("#"):
        _read_row(document, line.split("\t"))


def _read_row(document: _Document, row: Sequence[str]) -> None:
    """A token, or a part of one, with its annotations."""
    if not ROW.fullmatch(row[0]):
        raise ValueError(f"'{row[0]}' is no number of a token")
    begin, end = map(int, row[1].split("-"))
    document.start_sentence(begin)
    for layer in document.layers:
        width = max(1, len(layer.features))
        cells = list(row[3 + layer.first : 3 + layer.first + width])
        if len(cells) < width:
            raise IndexError(f"the columns of {layer.name} are missing")
        if all(cell == NO_ANNOTATION for cell in cells):
            continue
        if layer.is_entities:
            _read_entities(document, layer, cells, begin, end)
        elif layer.kind == "SP":
            document.ignored.add(layer.name)
        else:
            document.relations += len(BAR.split(cells[0]))


def _read_entities(
    document: _Document, layer: Layer, cells: list[str], begin: int, end: int
) -> None:
    """The annotations of one layer on one token; stacked ones are separated by bars."""
    stacks = [[VALUE.fullmatch(text) for text in BAR.split(cell)] for cell in cells]
    names = list(layer.features)
    order = sorted(range(len(cells)), key=lambda i: names[i : i + 1] != ["value"])
    for index, match in enumerate(stacks[0]):
        values = [stacks[i][index] for i in order if index < len(stacks[i])]
        number = match[2] if match else None
        if number is None:
            document.single += 1
            number = f"single {document.single}"
        texts = [value[1] for value in values if value and value[1] not in (NO_VALUE, "")]
        key = (layer.name, number)
        label = _unescape(texts[0]) if texts else layer.name.rpartition(".")[2]
        document.labels.setdefault(key, label)
        place = document.found.setdefault(key, [begin, end])
        place[:] = [min(place[0], begin), max(place[1], end)]
        if any("ROLE_" in name for name in names):
            document.relations += 1


def _record(document: _Document, path: Path) -> Record | Problem:
    text = document.text
    if not text:
        return Problem("the text is empty", path)
    record = Record(from_name(path.stem), text, path, 1, spans=[])
    record.relations = document.relations
    record.ignored = sorted(document.ignored)
    assert record.spans is not None
    for key, (begin, end) in document.found.items():
        label = document.labels[key]
        try:
            span = (from_utf16(text, begin), from_utf16(text, end), label)
        except ValueError as err:
            fact = f"'{label}' [{begin}, {end}] in UTF-16 units is not between characters ({err})"
            return record.problem(fact)
        if begin == end:
            record.lost.append(f"'{label}' at {span[0]} has no length")
        else:
            record.spans.append(span)
    return record


def _rows(
    record: Record, tokens: list[tuple[int, int]], lose: Callable[[Problem], None]
) -> Iterator[str]:
    """The sentence, and its tokens with the entities on them. White space at the edges of the
    text becomes tokens, too, so that the text comes back whole."""
    text = record.text
    tokens = _with_edges(tokens, text)
    spans = [span for span in record.spans or () if not _no_edge(record, span, tokens, lose)]
    numbers = {span: index for index, span in enumerate(spans, start=1)}
    for line in text.split("\n"):
        yield f"#Text={_escape_text(line)}\n"
    units = _units(text)
    for index, (start, end) in enumerate(tokens, start=1):
        here = [span for span in spans if span[0] < end and start < span[1]]
        values = [_value(span, numbers, tokens, len(here)) for span in here]
        cell = "|".join(values) or NO_ANNOTATION
        token = _escape_text(text[start:end])
        yield f"1-{index}\t{units[start]}-{units[end]}\t{token}\t{cell}\t\n"


def _value(
    span: SpanTuple, numbers: dict[SpanTuple, int], tokens: list[tuple[int, int]], stacked: int
) -> str:
    label = _RESERVED.sub(lambda match: "\\" + match[0], span[2])
    alone = stacked == 1 and (span[0], span[1]) in tokens
    return label if alone else f"{label}[{numbers[span]}]"


def _no_edge(
    record: Record,
    span: SpanTuple,
    tokens: list[tuple[int, int]],
    lose: Callable[[Problem], None],
) -> bool:
    start, end, label = span
    if any(s == start for s, _ in tokens) and any(e == end for _, e in tokens):
        return False
    fact = f"entity [{start}, {end}, '{label}'] begins or ends with white space"
    lose(record.problem(fact, "note"))
    return True


def _with_edges(tokens: list[tuple[int, int]], text: str) -> list[tuple[int, int]]:
    first = tokens[0][0] if tokens else len(text)
    before = [(0, first)] if first else []
    return [*before, *tokens]


def _units(text: str) -> list[int]:
    """UTF-16 units before each code point, and at the end."""
    units = [0]
    for char in text:
        units.append(units[-1] + (2 if char > "\uffff" else 1))
    return units


def _escape_text(text: str) -> str:
    return "".join(_TEXT.get(char) or (f"\\{char}" if char < " " else char) for char in text)


def _unescape_text(text: str) -> str:
    def replace(match: re.Match[str]) -> str:
        char = match[1]
        return _UNTEXT.get(char, char if char < " " else match[0])

    return re.sub(r"\\(.)", replace, text)


def _unescape(text: str) -> str:
    names = {"t": "\t", "n": "\n"}
    return re.sub(r"\\(->|.)", lambda match: names.get(match[1], match[1]), text)
