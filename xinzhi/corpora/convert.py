"""Annotated files to DocBin files: whatever can be converted, with an account of the rest."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

from rich.progress import track

from ..errors import XinzhiError
from ..files import work_folder, write_json
from .alignment import Misaligned, align
from .changes import LEFT_OUT, READER_NOTE, Change, Tally
from .docbin import blank, gold_cats
from .duplicates import Repeated, group_by_text
from .formats import AUTO, ReadOptions, read_records
from .inventory import FileInventory, Inventory, take_inventory, unseen_labels
from .normalise import parse_steps
from .offsets import AS_IS, Reading, parse_reading
from .prepare import MISALIGNED, Prepared, Settings, prepare
from .record import Problem, Record
from .shards import SHARD_SIZE, ShardWriter
from .tokens import Tokens, tokeniser

REPORT = "convert_report.json"
CHANGES = "convert_report.jsonl"
SHOWN = 20  # findings in one message; the report has all of them
LISTED = 1000  # findings of a kind that are kept in memory; convert_report.jsonl has all of them
REPLACEMENT = "\ufffd"


@dataclass
class FileReport:
    """What became of one file.

    source (Path): The file (or folder).
    output (Path): The .spacy file, or folder of them.
    found (FileInventory): What the first reading found.
    reading (Reading): How its offsets were read.
    tally (Tally): What became of its records, spans and heads.
    misaligned (int): Spans that do not fit the tokens.
    shards (int): Files written; 0 if there was nothing to write.
    """

    source: Path
    output: Path
    found: FileInventory
    reading: Reading = AS_IS
    tally: Tally = field(default_factory=Tally)
    misaligned: int = 0
    shards: int = 0

    @property
    def documents(self) -> int:
        """Documents written."""
        return self.tally.counts["record", "kept"]

    @property
    def kept(self) -> int:
        """Entities written, whether as they were, trimmed or moved."""
        counts = self.tally.counts
        return counts["span", "kept"] + counts["span", "trimmed"] + counts["span", "moved"]

    def to_dict(self) -> dict[str, Any]:
        return {
            "source": str(self.source),
            "output": str(self.output),
            **self.found.to_dict(),
            "offsets_read_as": str(self.reading),
            "documents_out": self.documents,
            "shards": self.shards,
            "entities_kept": self.kept,
            "entities_misaligned": self.misaligned,
            "account": self.tally.to_dict(),
        }


@dataclass
class ConvertReport:
    """What a conversion did.

    lang (str): Language code of the tokeniser.
    files (list[FileReport]): One per input, in order.
    errors (list[Change]): Records, spans and heads that could not be used, the first LISTED.
    left_out (list[Change]): Records that were left out on purpose, the first LISTED.
    notes (list[Change]): What the readers say about the files, such as another encoding, the first
        LISTED.
    warnings (list[Problem]): Labels that the training file does not have.
    misaligned (list[Misaligned]): Entities that do not fit the tokens, the first LISTED.
    repeated (list[Repeated]): Texts that occur more than once.
    allow_unseen (bool): Whether the warnings were expected.
    """

    lang: str
    files: list[FileReport] = field(default_factory=list)
    errors: list[Change] = field(default_factory=list)
    left_out: list[Change] = field(default_factory=list)
    notes: list[Change] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    misaligned: list[Misaligned] = field(default_factory=list)
    repeated: list[Repeated] = field(default_factory=list)
    allow_unseen: bool = False

    @property
    def tally(self) -> Tally:
        """The sum over all files."""
        total = Tally()
        for item in self.files:
            total.update(item.tally)
        return total

    @property
    def complete(self) -> bool:
        """Whether nothing was lost that was not meant to be."""
        return not self.tally.errors and (self.allow_unseen or not self.warnings)

    def to_dict(self) -> dict[str, Any]:
        return {
            "converted": True,
            "complete": self.complete,
            "lang": self.lang,
            "account": self.tally.to_dict(),
            "files": [item.to_dict() for item in self.files],
            "errors": [item.to_dict() for item in self.errors],
            "notes": [item.to_dict() for item in self.notes],
            "warnings": [item.to_dict() for item in self.warnings],
            "misaligned": [item.to_dict() for item in self.misaligned],
            "repeated_texts": len(self.repeated),
            "conflicting_texts": sum(bool(item.conflicts) for item in self.repeated),
        }


@dataclass(frozen=True)
class ConvertOptions:
    """How to convert.

    lang (str): Language code; "zh" makes each character a token.
    train (str): Stem of the training file: labels must occur there.
    strict (bool): Whether to stop at the first thing that cannot be converted as it is.
    allow_unseen (bool): Whether labels that the training file lacks are expected.
    fix_offsets (bool): Whether to repair offsets: the unit that was found out, white space.
    offsets (str | None): What the offsets count, if it is known (see offsets.READINGS).
    steps (Sequence[str]): Normalisation steps.
    overlap (str): The overlap policy.
    priority (Sequence[str]): Labels for the policy "priority".
    shard_size (int): Most documents in one .spacy file.
    read (ReadOptions): How to read the files.
    """

    lang: str = "zh"
    train: str = "train"
    strict: bool = False
    allow_unseen: bool = False
    fix_offsets: bool = False
    offsets: str | None = None
    steps: Sequence[str] = ()
    overlap: str = "error"
    priority: Sequence[str] = ()
    shard_size: int = SHARD_SIZE
    read: ReadOptions = AUTO

    def settings(self, found: FileInventory) -> Settings:
        """RETURNS (Settings): What to do to the records of a file.

        RAISES (XinzhiError): If an option cannot be.
        """
        reading = AS_IS
        if self.offsets is not None:
            reading = parse_reading(self.offsets)
        elif self.fix_offsets:
            reading = found.offsets.best()
        steps = parse_steps(self.steps)
        return Settings(reading, self.fix_offsets, steps, self.overlap, self.priority)


def convert(
    inputs: Sequence[Path],
    output_dir: Path,
    options: ConvertOptions | None = None,
    *,
    progress: bool = False,
    **changed: Any,
) -> ConvertReport:
    """Convert annotated files to `output_dir/{stem}.spacy`; the files appear when all are complete.

    Two passes: the first counts, collects labels and heads, and judges offsets; the second
    converts record by record. What does not go through as it was is listed in
    convert_report.jsonl; convert_report.json has the sums.

    inputs (Sequence[Path]): The files (or folders) of one corpus, in any registered format.
    output_dir (Path): Where the DocBin files and the reports go.
    options (ConvertOptions): How to convert.
    progress (bool): Whether to show a progress bar.
    changed: Fields of the options, to change them.
    RETURNS (ConvertReport): Counts and findings.
    RAISES (XinzhiError): If nothing can be converted, or with `strict` at the first thing that
        cannot be converted as it is. Nothing is written then.
    """
    options = replace(options or ConvertOptions(), **changed)
    options.settings(FileInventory())  # refuses what cannot be, before anything is read
    outputs = plan_outputs(inputs, output_dir)
    tokenise = tokeniser(blank(options.lang))
    inventory = take_inventory(list(outputs), options.read, progress)
    report = ConvertReport(options.lang, allow_unseen=options.allow_unseen)
    report.warnings = unseen_labels(inventory, options.train)
    if options.strict and report.warnings and not options.allow_unseen:
        raise _stopped(report.warnings[0], "--allow-unseen lets labels through.")
    with all_or_nothing(output_dir) as folder, (folder / CHANGES).open("w", encoding="utf8") as log:
        run = _Run(options, inventory, report, tokenise, log)
        for source, output in outputs.items():
            run.convert_file(source, output, folder, progress)
        run.note_repeated()
        log.flush()
        if not any(item.documents for item in report.files):
            raise _nothing(report)
        write_json(folder / REPORT, report.to_dict())
    for item in report.files:
        if not item.shards:
            _remove(item.output)  # of an earlier conversion
    return report


def plan_outputs(inputs: Sequence[Path], output_dir: Path) -> dict[Path, Path]:
    """Which input goes to which output.

    inputs (Sequence[Path]): The files.
    output_dir (Path): Where the outputs go.
    RETURNS (dict): Input to output, in order.
    RAISES (XinzhiError): If an input does not exist, two inputs would share an output, or an input
        would be overwritten.
    """
    if output_dir.exists() and not output_dir.is_dir():
        raise XinzhiError(
            f"{output_dir} is a file; the last argument is the output directory.",
            "Give the inputs first, then a directory for the .spacy files.",
        )
    outputs: dict[Path, Path] = {}
    for source in inputs:
        if not source.exists():
            raise XinzhiError(f"{source}: no such file or folder.", "Correct the path.")
        output = output_dir / f"{source.stem}.spacy"
        if output in outputs.values():
            raise XinzhiError(
                f"Two inputs would be written to {output}.",
                "Rename one of them, or convert them into different directories.",
            )
        if output.resolve() == source.resolve():
            raise XinzhiError(
                f"{source} would be overwritten by its own conversion.",
                "Choose another output directory.",
            )
        outputs[source] = output
    return outputs


@contextmanager
def all_or_nothing(output_dir: Path) -> Iterator[Path]:
    """A temporary neighbour of `output_dir` whose files move into it if the block succeeds.

    output_dir (Path): The final place; it is created only on success.
    YIELDS (Path): The temporary folder.
    RAISES (XinzhiError): If the files cannot be written.
    """
    try:
        output_dir.parent.mkdir(parents=True, exist_ok=True)
        with work_folder(output_dir) as folder:
            yield folder
            output_dir.mkdir(exist_ok=True)
            for path in sorted(folder.iterdir()):
                _put(path, output_dir / path.name)
    except OSError as err:
        raise XinzhiError(
            f"{output_dir} cannot be written: {err.strerror or err}.",
            "Free some disk space or choose another output directory.",
        ) from err


def _put(path: Path, target: Path) -> None:
    """Move a file or folder to its final place, whatever is there."""
    if target.is_dir() or path.is_dir():
        _remove(target)
    path.replace(target)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@dataclass
class _Run:
    """One conversion under way."""

    options: ConvertOptions
    inventory: Inventory
    report: ConvertReport
    tokenise: Callable[[str], Tokens]
    log: TextIO
    repeated: list[Record] = field(default_factory=list)

    def convert_file(self, source: Path, output: Path, folder: Path, progress: bool) -> None:
        """Convert one file (or folder) into the temporary folder."""
        found = self.inventory.files[source]
        settings = self.options.settings(found)
        item = FileReport(source, output, found, settings.reading)
        self.report.files.append(item)
        writer = ShardWriter(folder / output.name, self.options.shard_size)
        items: Iterable[Record | Problem] = read_records(source, self.options.read)
        if progress:
            total = found.records + found.problems
            items = track(items, source.name, total, transient=True)
        for record in items:
            if isinstance(record, Problem):
                item.tally.counts["record", "in"] += record.kind != "note"
                self.change(item, Change.of_problem(record))
            else:
                self.convert_record(record, item, settings, writer)
        if writer.documents:
            item.shards = writer.close()
        item.tally.counts["record", "kept"] = writer.documents
        _check_sums(item)

    def convert_record(
        self, record: Record, item: FileReport, settings: Settings, writer: ShardWriter
    ) -> None:
        """Convert one record; what does not go through goes into the reports."""
        counts = item.tally.counts
        counts["record", "in"] += 1
        counts["span", "in"] += len(record.spans or ()) + len(record.lost)
        counts["head", "in"] += len(record.cats)
        self.note(record, item)
        prepared = prepare(record, settings, self.inventory.exclusive)
        tokens = self.tokenise(prepared.record.text)
        fact = self.write(prepared, tokens, item, writer)
        if fact is not None:
            prepared.drop(fact)
        for change in prepared.changes:
            self.change(item, change)

    def write(
        self, prepared: Prepared, tokens: Tokens, item: FileReport, writer: ShardWriter
    ) -> str | None:
        """RETURNS (str | None): Why the record cannot be written, if it cannot."""
        record = prepared.record
        if not record.text:
            return "nothing is left of the text after normalisation"
        if tokens.text != record.text:
            return f"the tokeniser of '{self.options.lang}' changes the text"
        kept, misaligned = align(tokens, record)
        try:
            if self.options.overlap == "spans":
                writer.add_grouped(tokens, record, self.inventory.heads, prepared.normalised)
            else:
                cats = gold_cats(record.cats, self.inventory.heads)
                writer.add(tokens, record, (kept, misaligned), cats, prepared.normalised)
        except (ValueError, OverflowError) as err:  # data that msgpack refuses
            return f"the record cannot be stored ({err})"
        prepared.misalign(misaligned)
        item.misaligned += len(misaligned)
        self.report.misaligned += misaligned[: LISTED - len(self.report.misaligned)]
        changed = sum(c.outcome in ("trimmed", "moved") for c in prepared.changes)
        item.tally.counts["span", "kept"] += len(kept) - changed
        item.tally.counts["head", "kept"] += len(record.cats)
        return None

    def note(self, record: Record, item: FileReport) -> None:
        """Note what is doubtful about a record and lets it through nevertheless."""
        if record.text in self.inventory.texts:
            self.repeated.append(record)
        place = (record.source, record.line, record.id)
        if REPLACEMENT in record.text:
            count = record.text.count(REPLACEMENT)
            fact = f"the text has {count} U+FFFD: characters that an earlier conversion lost"
            self.change(item, Change("record", "note", "U+FFFD", fact, *place))
        if (record.source, str(record.id)) in item.found.ids:
            fact = "the id is used by another record of the file, too"
            error = self.options.strict
            self.change(item, Change("record", "note", "id used twice", fact, *place, error=error))

    def note_repeated(self) -> None:
        """Note the texts that occur more than once."""
        self.report.repeated = group_by_text(self.repeated)
        for repeated in self.report.repeated:
            for change in repeated.changes():
                self.log_change(change)

    def change(self, item: FileReport, change: Change) -> None:
        """Count and list a change.

        RAISES (XinzhiError): If it is an error and the conversion is strict.
        """
        if self.options.strict and (change.error or change.reason == MISALIGNED):
            raise _stopped(change)
        item.tally.add(change)
        if change.error and len(self.report.errors) < LISTED:
            self.report.errors.append(change)
        if change.reason == LEFT_OUT and len(self.report.left_out) < LISTED:
            self.report.left_out.append(change)
        if change.reason == READER_NOTE and len(self.report.notes) < LISTED:
            self.report.notes.append(change)
        self.log_change(change)

    def log_change(self, change: Change) -> None:
        self.log.write(json.dumps(change.to_dict(), ensure_ascii=False) + "\n")


def _check_sums(item: FileReport) -> None:
    """Nothing may be lost without an account of it."""
    read = item.tally.counts["record", "in"]
    if not item.tally.adds_up() or read != item.found.records + item.found.problems:
        raise RuntimeError(
            f"Internal error, please report it: the counts of {item.source} do not add up: "
            f"{item.tally.to_dict()}. Nothing was written."
        )


def _stopped(what: object, hint: str = "") -> XinzhiError:
    return XinzhiError(
        f"Nothing was converted; with --strict the first problem stops: {what}",
        f"Correct it and convert again, or leave out --strict. {hint}".strip(),
    )


def _nothing(report: ConvertReport) -> XinzhiError:
    changes = [*report.errors, *report.left_out][:SHOWN]
    lines = [f"  {change}" for change in changes]
    tally = report.tally
    more = tally.errors + tally.reasons["record", "dropped", LEFT_OUT] - len(lines)
    if more > 0:
        lines.append(f"  … and {more} more")
    return XinzhiError(
        "\n".join(["No record can be converted:", *lines]), "Correct these and convert again."
    )
