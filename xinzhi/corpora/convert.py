"""Annotated files to DocBin files: all of them, or none."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import spacy
from rich.progress import track
from spacy.language import Language
from spacy.tokens import DocBin

from ..errors import XinzhiError
from .alignment import Misaligned
from .docbin import annotate
from .inventory import ENTITIES, FileInventory, Inventory, take_inventory, unseen_labels
from .record import Problem, Record
from .validate import read_valid

REPORT = "convert_report.json"
FAILED_REPORT = "convert_report.failed.json"
SHOWN = 20  # problems in one message; the report has all of them


@dataclass
class FileReport:
    """What became of one file: documents out, entities kept."""

    source: Path
    output: Path
    found: FileInventory
    documents: int = 0
    kept: int = 0
    misaligned: int = 0

    def to_dict(self) -> dict[str, Any]:
        heads = {head: dict(c) for head, c in self.found.labels.items() if head != ENTITIES}
        return {
            "source": str(self.source),
            "output": str(self.output),
            "records_in": self.found.records,
            "documents_out": self.documents,
            "characters": self.found.characters,
            "entities_annotated": self.found.entities_annotated,
            "without_entities": self.found.without_entities,
            "spans_in": self.found.spans,
            "spans_kept": self.kept,
            "spans_misaligned": self.misaligned,
            "entities": dict(self.found.labels.get(ENTITIES, {})),
            "heads": heads,
            "ignored_fields": dict(self.found.ignored),
        }


@dataclass
class ConvertReport:
    """What a conversion did.

    lang (str): Language code of the tokeniser.
    files (list[FileReport]): One per input, in order.
    problems (list[Problem]): What stopped it; empty after a successful conversion.
    warnings (list[Problem]): What was let through on request.
    misaligned (list[Misaligned]): Entities that do not fit the tokens.
    """

    lang: str
    files: list[FileReport] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    misaligned: list[Misaligned] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        return {
            "converted": not self.problems,
            "lang": self.lang,
            "files": [item.to_dict() for item in self.files],
            "problems": [item.to_dict() for item in self.problems],
            "warnings": [item.to_dict() for item in self.warnings],
            "misaligned": [item.to_dict() for item in self.misaligned],
        }


def convert(
    inputs: Sequence[Path],
    output_dir: Path,
    *,
    lang: str = "zh",
    train: str = "train",
    strict: bool = False,
    allow_unseen: bool = False,
    progress: bool = False,
) -> ConvertReport:
    """Convert annotated files to `output_dir/{stem}.spacy`, all or nothing.

    inputs (Sequence[Path]): The files of one corpus, in any registered format.
    output_dir (Path): Where the DocBin files and convert_report.json go.
    lang (str): Language code; "zh" makes each character a token.
    train (str): Stem of the training file: labels must occur there.
    strict (bool): Whether an entity that does not fit the tokens stops the conversion.
    allow_unseen (bool): Whether labels that the training file lacks are only a warning.
    progress (bool): Whether to show a progress bar.
    RETURNS (ConvertReport): Counts, labels, misaligned entities.
    RAISES (XinzhiError): If anything is wrong with any input; nothing is converted then.
    """
    outputs = plan_outputs(inputs, output_dir)
    nlp = blank(lang)
    inventory = take_inventory(inputs)
    report = ConvertReport(lang)
    unseen = unseen_labels(inventory, train)
    (report.warnings if allow_unseen else report.problems).extend(unseen)
    with all_or_nothing(output_dir) as folder:
        for source, output in outputs.items():
            item = FileReport(source, output, inventory.files[source])
            report.files.append(item)
            records = read_valid(source, inventory)
            if progress:
                records = _track(records, source, item.found.records)
            doc_bin = _convert_file(records, item, nlp, inventory, report, strict)
            if not report.problems:
                _check_sums(item)
                doc_bin.to_disk(folder / output.name)
        if report.problems:
            _refuse(report, output_dir)
        _write_json(folder / REPORT, report)
    (output_dir / FAILED_REPORT).unlink(missing_ok=True)
    return report


def blank(lang: str) -> Language:
    """A pipeline that only tokenises.

    lang (str): Language code.
    RETURNS (Language): The blank pipeline.
    RAISES (XinzhiError): If spaCy does not know the language.
    """
    try:
        return spacy.blank(lang)
    except ImportError as err:
        raise XinzhiError(
            f"spaCy has no language '{lang}', or it needs a package that is not installed.",
            "Use a code such as zh, en or xx (--lang).",
        ) from err


def plan_outputs(inputs: Sequence[Path], output_dir: Path) -> dict[Path, Path]:
    """Which input goes to which output.

    inputs (Sequence[Path]): The files.
    output_dir (Path): Where the outputs go.
    RETURNS (dict): Input to output, in order.
    RAISES (XinzhiError): If two inputs would share an output, or an input would be overwritten.
    """
    if output_dir.exists() and not output_dir.is_dir():
        raise XinzhiError(
            f"{output_dir} is a file; the last argument is the output directory.",
            "Give the inputs first, then a directory for the .spacy files.",
        )
    outputs: dict[Path, Path] = {}
    for source in inputs:
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
    YIELDS (Path): The temporary directory.
    RAISES (XinzhiError): If the files cannot be written.
    """
    folder = None
    try:
        output_dir.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{output_dir.name}-", dir=output_dir.parent))
        yield folder
        output_dir.mkdir(exist_ok=True)
        for path in sorted(folder.iterdir()):
            path.replace(output_dir / path.name)
    except OSError as err:
        raise XinzhiError(
            f"{output_dir} cannot be written: {err.strerror or err}.",
            "Free some disk space or choose another output directory.",
        ) from err
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _convert_file(
    records: Iterator[Record | Problem],
    item: FileReport,
    nlp: Language,
    inventory: Inventory,
    report: ConvertReport,
    strict: bool,
) -> DocBin:
    """Convert one file; problems and misaligned spans go into the reports."""
    doc_bin = DocBin(store_user_data=True)
    for record in records:
        if isinstance(record, Problem):
            report.problems.append(record)
            continue
        doc = nlp.make_doc(record.text)
        if doc.text != record.text:
            report.problems.append(_about(record, f"tokenising ({nlp.lang}) changes the text"))
            continue
        kept, misaligned = annotate(doc, record, inventory.heads)
        item.documents += 1
        item.kept += kept
        item.misaligned += len(misaligned)
        report.misaligned.extend(misaligned)
        if strict:
            report.problems.extend(_about(record, m.fact) for m in misaligned)
        doc_bin.add(doc)
    return doc_bin


def _about(record: Record, fact: str) -> Problem:
    return Problem(fact, record.source, record.line, record.id)


def _track(
    records: Iterator[Record | Problem], source: Path, total: int
) -> Iterator[Record | Problem]:
    yield from track(records, description=source.name, total=total, transient=True)


def _check_sums(item: FileReport) -> None:
    """Nothing may be lost between the two passes."""
    records, spans = item.found.records, item.found.spans
    if records != item.documents or spans != item.kept + item.misaligned:
        raise RuntimeError(
            f"Internal error, please report it: {item.source} has {records} records and {spans} "
            f"spans, but {item.documents} documents with {item.kept} kept and {item.misaligned} "
            "misaligned spans were made. Nothing was written."
        )


def _refuse(report: ConvertReport, output_dir: Path) -> None:
    """Write the complete list of problems next to the outputs, and raise a short one."""
    output_dir.mkdir(exist_ok=True)
    _write_json(output_dir / FAILED_REPORT, report)
    raise problems_error(report.problems, f"The complete list is in {output_dir / FAILED_REPORT}.")


def problems_error(problems: Sequence[Problem], where: str) -> XinzhiError:
    """One message for all problems.

    problems (Sequence[Problem]): At least one.
    where (str): Where the complete list is.
    RETURNS (XinzhiError): The exception to raise.
    """
    lines = [f"  {problem}" for problem in problems[:SHOWN]]
    if len(problems) > SHOWN:
        lines.append(f"  … and {len(problems) - SHOWN} more")
    fact = "\n".join(["Nothing was converted, because of:", *lines])
    return XinzhiError(fact, f"Correct these and convert again. {where}")


def _write_json(path: Path, report: ConvertReport) -> None:
    text = json.dumps(report.to_dict(), ensure_ascii=False, indent=2)
    path.write_text(text + "\n", encoding="utf8")
