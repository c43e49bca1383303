"""Annotated files to DocBin files: all of them, or none."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import DocBin

from ..errors import XinzhiError
from ..files import write_json
from .alignment import Misaligned
from .docbin import annotate, blank, tokenise
from .inventory import FileInventory, Inventory, take_inventory, unseen_labels
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
        return {
            "source": str(self.source),
            "output": str(self.output),
            **self.found.to_dict(),
            "documents_out": self.documents,
            "entities_kept": self.kept,
            "entities_misaligned": self.misaligned,
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
    with all_or_nothing(output_dir) as folder:
        for source, output in outputs.items():
            item = FileReport(source, output, inventory.files[source])
            report.files.append(item)
            records = read_valid(source, inventory, progress)
            doc_bin = _convert_file(records, item, nlp, inventory, report, strict)
            if not report.problems:
                _check_sums(item)
                _write_docbin(doc_bin, folder / output.name)
        unseen = unseen_labels(inventory, train)
        (report.warnings if allow_unseen else report.problems).extend(unseen)
        if report.problems:
            hint = " --allow-unseen lets labels through that train does not have." if unseen else ""
            _refuse(report, output_dir, hint)
        write_json(folder / REPORT, report.to_dict())
    (output_dir / FAILED_REPORT).unlink(missing_ok=True)
    return report


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
        doc = tokenise(nlp, record)
        if isinstance(doc, Problem):
            report.problems.append(doc)
            continue
        kept, misaligned = annotate(doc, record, inventory.heads)
        item.documents += 1
        item.kept += kept
        item.misaligned += len(misaligned)
        report.misaligned.extend(misaligned)
        if strict:
            report.problems.extend(record.problem(m.fact) for m in misaligned)
        try:
            doc_bin.add(doc)
        except ValueError as err:  # user data that msgpack refuses, such as very deep nesting
            report.problems.append(record.problem(f"the record cannot be stored ({err})"))
    return doc_bin


def _write_docbin(doc_bin: DocBin, path: Path) -> None:
    try:
        doc_bin.to_disk(path)
    except ValueError as err:
        raise XinzhiError(
            f"{len(doc_bin)} documents are too much for one {path.name}.",
            "Split the input into several files.",
        ) from err


def _check_sums(item: FileReport) -> None:
    """Nothing may be lost between the two passes."""
    records, spans = item.found.records, item.found.spans
    if records != item.documents or spans != item.kept + item.misaligned:
        raise RuntimeError(
            f"Internal error, please report it: {item.source} has {records} records and {spans} "
            f"spans, but {item.documents} documents with {item.kept} kept and {item.misaligned} "
            "misaligned spans were made. Nothing was written."
        )


def _refuse(report: ConvertReport, output_dir: Path, hint: str) -> None:
    """Write the complete list of problems next to the outputs, and raise a short one."""
    path = output_dir / FAILED_REPORT
    write_json(path, report.to_dict())
    lines = [f"  {problem}" for problem in report.problems[:SHOWN]]
    if len(report.problems) > SHOWN:
        lines.append(f"  … and {len(report.problems) - SHOWN} more")
    raise XinzhiError(
        "\n".join(["Nothing was converted:", *lines]),
        f"Correct these and convert again; the complete list is in {path}.{hint}",
    )
