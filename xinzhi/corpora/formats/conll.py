"""CoNLL-like columns: one token and its tag per line, sentences separated by blank lines.

Tags of any scheme (BIO, IOB1, BIOES, BILOU, BMES, IO) in the last or the first column, columns
separated by tabs or white space, `-DOCSTART-` lines and `# comments` skipped, the digits that
weibo_ner puts behind each character ("口0") removed. Each sentence is a record. Which white space
was between the tokens is guessed, unless a column says it (see _spacing.py): files written here
have such a column whenever the guess would be wrong.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from ..columns import Decoded, decode, encode, is_tag
from ..record import Problem, Record
from ._base import ReadOptions, Sample, WriteOptions
from ._spacing import SPACING, guess_spaces, read_spacing, write_spacing
from ._text import open_new, read_lines
from ._tokens import on_tokens, token_cutter

COMMENT_ID = re.compile(r"#\s*(?:sent_)?id(?:\s*[:=]\s*|\s+)(\S+)")


@dataclass(frozen=True)
class Layout:
    """How the columns of a file are laid out.

    tab (bool): Columns are separated by tabs, not by any white space.
    tag (int): Index of the tag: -1 or 0.
    spacing (int | None): Index of the column about white space.
    digits (bool): Every token carries a digit that is not part of it.
    """

    tab: bool
    tag: int
    spacing: int | None
    digits: bool

    @property
    def token(self) -> int:
        """Index of the token."""
        return 0 if self.tag == -1 else 1


class ConllFormat:
    """Reads and writes columns. `CONLL` is the registered instance."""

    name = "conll"
    help = "CoNLL-like columns: BIO, IOB1, BIOES, BILOU, BMES or IO; tag first or last"
    holds = frozenset({"entities"})
    suffix = ".conll"

    def sniff(self, sample: Sample) -> float:
        """By the share of lines that have a tag in the same column."""
        if sample.text.lstrip().startswith(("{", "[", "#FORMAT=WebAnno")):
            return 0.0
        found = _layout(sample)
        return 0.6 if found is not None else 0.0

    def read(self, path: Path, options: ReadOptions) -> Iterator[Record | Problem]:
        """Stream the sentences of the file."""
        layout = _layout(Sample.of(path)) or Layout(False, -1, None, False)
        totals = Decoded()
        sentence = _Sentence()
        for item in read_lines(path, options.encoding):
            if isinstance(item, Problem):
                if item.kind == "note":
                    yield item
                else:
                    sentence.fail(item)
                continue
            number, line = item
            if line.strip() and not line.startswith("-DOCSTART-"):
                sentence.add(number, line, layout, path)
                continue
            yield from sentence.finish(path, totals)
            sentence = _Sentence()
        yield from sentence.finish(path, totals)
        if totals.orphans and totals.begins:
            fact = (
                f"{totals.orphans} entities begin with the tag of a middle or an end; they were "
                "read as beginning there"
            )
            yield Problem(fact, path, kind="note")

    def write(
        self,
        records: Iterable[Record],
        path: Path,
        options: WriteOptions,
        lose: Callable[[Problem], None],
    ) -> None:
        """Two columns, token and tag, or three if some white space could not be guessed."""
        cut = token_cutter(options.lang)
        needed = False
        with tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as draft:
            for record in records:
                needed |= _write_sentence(record, cut(record), options.scheme, draft, lose)
            draft.seek(0)
            with open_new(path) as file:
                for row in draft:
                    token, tab, rest = row.partition("\t")
                    file.write(row if needed or not tab else token + tab + rest.partition("\t")[2])


CONLL = ConllFormat()


def _layout(sample: Sample) -> Layout | None:
    """The layout of a file, or None if it has no column of tags."""
    lines = [line for line in sample.lines if not line.startswith(("-DOCSTART-", "# "))][:2000]
    tab = sum("\t" in line for line in lines) > 0.9 * len(lines)
    rows = [_split(line, tab) for line in lines]
    rows = [row for row in rows if len(row) > 1]
    if not rows or len(rows) < 0.5 * len(lines):
        return None
    for index in (-1, 0):
        tags = Counter(row[index] for row in rows if is_tag(row[index]))
        if sum(tags.values()) >= 0.9 * len(rows) and set(tags) - {"_", "-", "?"}:
            tokens = [row[0 if index == -1 else 1] for row in rows]
            return Layout(tab, index, _spacing_column(rows), _have_digits(tokens))
    return None


def _spacing_column(rows: list[list[str]]) -> int | None:
    width = min(map(len, rows))
    for index in range(1, width - 1):
        values = {row[index] for row in rows}
        if values != {"_"} and all(
            SPACING.fullmatch(part) for value in values for part in value.split("|")
        ):
            return index
    return None


def _have_digits(tokens: list[str]) -> bool:
    """weibo_ner: every token is a character and its position in a word."""
    return len(tokens) > 2 and all(len(t) > 1 and t[-1].isdecimal() for t in tokens)


def _split(line: str, tab: bool) -> list[str]:
    """The columns of a line. A line that begins with white space has it as its token."""
    if tab:
        return line.split("\t")
    columns = line.split()
    return [line[0], *columns] if line[:1].isspace() and len(columns) == 1 else columns


@dataclass
class _Sentence:
    """The lines of one sentence, as they are read."""

    line: int = 0
    identity: str | None = None
    problem: Problem | None = None
    tokens: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    spacing: list[str] = field(default_factory=list)

    def fail(self, problem: Problem) -> None:
        """The first thing that is wrong spoils the sentence."""
        self.problem = self.problem or problem

    def add(self, number: int, line: str, layout: Layout, path: Path) -> None:
        """Read one line."""
        columns = _split(line, layout.tab)
        if line.startswith("#") and (len(columns) < 2 or not is_tag(columns[layout.tag])):
            match = COMMENT_ID.match(line)
            self.identity = match[1] if match else self.identity
            return None
        self.line = self.line or number
        if len(columns) < 2:
            return self.fail(Problem("a token without a tag, or a tag without one", path, number))
        tag = columns[layout.tag].strip()
        if not is_tag(tag):
            return self.fail(Problem(f"'{tag}' is no tag", path, number))
        token = columns[layout.token]
        if layout.digits and len(token) > 1:
            token = token[:-1]
        if not token:
            return self.fail(Problem("the token is missing", path, number))
        self.tokens.append(token)
        self.tags.append(tag)
        if layout.spacing is not None:
            self.spacing.append(columns[layout.spacing])
        return None

    def finish(self, path: Path, totals: Decoded) -> Iterator[Record | Problem]:
        """The record of this sentence, or what is wrong with it; nothing if it is empty."""
        if self.problem is not None:
            yield self.problem
        elif self.tokens:
            decoded = decode(self.tags)
            totals.orphans += decoded.orphans
            totals.begins += decoded.begins
            yield self._record(path, decoded)

    def _record(self, path: Path, decoded: Decoded) -> Record:
        spaces = [("", after) for after in guess_spaces(self.tokens)]
        if self.spacing:
            last = len(self.tokens) - 1
            spaces = [read_spacing(text, i == last) for i, text in enumerate(self.spacing)]
        text, offsets = "", []
        for token, (before, after) in zip(self.tokens, spaces, strict=True):
            start = len(text) + len(before)
            offsets.append((start, start + len(token)))
            text += before + token + after
        record = Record(self.identity or self.line, text, path, self.line)
        if len(decoded.missing) < len(self.tokens):
            record.spans = [(offsets[s][0], offsets[e - 1][1], x) for s, e, x in decoded.spans]
            record.unknown = [offsets[index] for index in decoded.missing]
        return record


def _write_sentence(
    record: Record,
    tokens: list[tuple[int, int]],
    scheme: str,
    file: IO[str],
    lose: Callable[[Problem], None],
) -> bool:
    """Write token, spacing and tag of each token; whether the spacing cannot be guessed."""
    text = record.text
    if not tokens:
        lose(record.problem("there is nothing visible in the text, so it has no tokens"))
        return False
    spans, others = on_tokens(record.spans or [], tokens)
    for start, end, label in others:
        fact = f"entity [{start}, {end}, '{label}'] begins or ends with white space"
        lose(record.problem(fact, "note"))
    tags = encode(len(tokens), spans, scheme)
    ends = [*(start for start, _ in tokens[1:]), len(text)]
    words = [text[start:end] for start, end in tokens]
    after = [text[end:next_] for (_, end), next_ in zip(tokens, ends, strict=True)]
    before = text[: tokens[0][0]]
    for index, (word, tag) in enumerate(zip(words, tags, strict=True)):
        first, last = index == 0, index == len(words) - 1
        column = write_spacing(before if first else "", after[index], last)
        file.write(f"{word}\t{column}\t{tag}\n")
    file.write("\n")
    return bool(before) or after != guess_spaces(words)
