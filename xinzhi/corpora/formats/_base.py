"""What a format provides, and what it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol, runtime_checkable

from ..record import Problem, Record
from ._text import HEAD_BYTES, decode_head, read_head

EVERYTHING = frozenset(
    {
        *("entities", "overlaps", "unannotated", "cats", "soft", "scores"),
        *("meta", "id", "annotator", "unknown"),
    }
)


@dataclass(frozen=True)
class ReadOptions:
    """How to read files whose layout leaves a choice.

    format (str): Name of a registered format, or "auto".
    encoding (str | None): Python codec name; None: found out from the file.
    text (str | None): Field or column that holds the text; None: found by the usual names.
    heads (Mapping): Field or column to the head that it gives the label of.
    scores (Mapping): Field or column to the name of the score that it gives.
    """

    format: str = "auto"
    encoding: str | None = None
    text: str | None = None
    heads: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class WriteOptions:
    """How to write formats that leave a choice.

    lang (str): Language code of the tokeniser, for formats with tokens.
    scheme (str): Tag scheme, for formats with tags: BIO, IOB1, BIOES, BMES or IO.
    entities (tuple): Every entity label of the records, sorted; empty also if none is annotated.
    heads (Mapping): Every head of the records to its sorted labels.
    scores (tuple): The name of every score of the records.
    metas (tuple): The name of every item of metadata of the records.
    spans (bool): Whether any record has its entities annotated.
    """

    lang: str = "zh"
    scheme: str = "BIO"
    entities: tuple[str, ...] = ()
    heads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scores: tuple[str, ...] = ()
    metas: tuple[str, ...] = ()
    spans: bool = True


@dataclass(frozen=True)
class Sample:
    """The beginning of a file, for finding out its format.

    path (Path): The file.
    head (bytes): Its first bytes, as many as HEAD_BYTES.
    """

    path: Path
    head: bytes

    @classmethod
    def of(cls, path: Path) -> Sample:
        """RETURNS (Sample): The sample of a file."""
        return cls(path, read_head(path))

    @cached_property
    def suffix(self) -> str:
        """The suffix of the file's name in lower case, such as ".json"."""
        return self.path.suffix.lower()

    @cached_property
    def text(self) -> str:
        """The decoded beginning; bytes that cannot be decoded are U+FFFD."""
        return decode_head(self.head)

    @cached_property
    def lines(self) -> list[str]:
        """The complete lines of the beginning that are not blank, without their ends."""
        lines = self.text.split("\n")
        if len(lines) > 1 and len(self.head) == HEAD_BYTES:
            lines.pop()
        return [line.rstrip("\r") for line in lines if line.strip()]


@runtime_checkable
class Format(Protocol):
    """What a format provides.

    name (str): What `--from` and `--to` call it; the name of its entry point.
    help (str): One line for messages and for the table in docs/data-format.md.
    holds (frozenset): What a file of this format can say, of the words in EVERYTHING: "entities",
        "overlaps" (between entities), "unannotated" (that the entities of a text were not looked
        at), "cats" (heads), "soft" (values between 0 and 1 of their labels), "scores", "meta",
        "id", "annotator", "unknown" (parts of a text whose entities were not looked at).
    """

    name: str
    help: str
    holds: frozenset[str]

    def sniff(self, sample: Sample) -> float:
        """How much the file looks like this format.

        sample (Sample): The beginning of a file that is not empty.
        RETURNS (float): From 0 (it is not) to 1 (nothing else can be meant).
        """
        ...

    def read(self, path: Path, options: ReadOptions) -> Iterator[Record | Problem]:
        """Stream the records of a file, and a Problem in place of each that cannot be read.

        path (Path): The file.
        options (ReadOptions): How to read it.
        YIELDS (Record | Problem): In file order. A bad record never ends the stream.
        """
        ...


@runtime_checkable
class WritableFormat(Format, Protocol):
    """What a format provides that can be written, too.

    suffix (str): Suffix of its files; empty for a folder of files.
    """

    suffix: str

    def write(
        self,
        records: Iterable[Record],
        path: Path,
        options: WriteOptions,
        lose: Callable[[Problem], None],
    ) -> None:
        """Write records to a file (or into a new folder).

        records (Iterable[Record]): Records without anything that `holds` does not name.
        path (Path): The file or folder to create.
        options (WriteOptions): How to write it.
        lose (Callable): Called for each single annotation or record that cannot be written.
        """
        ...
