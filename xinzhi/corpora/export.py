"""Records to the file of an annotation tool; what the format cannot say is counted and listed."""

from __future__ import annotations

import pickle
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import XinzhiError
from ..files import write_json
from .formats import (
    AUTO,
    ReadOptions,
    WritableFormat,
    WriteOptions,
    known_formats,
    read_records,
)
from .overlaps import resolve, unique
from .record import HeadValue, Problem, Record, head_values

Source = Callable[[], Iterable[Record | Problem]]


@dataclass
class ExportReport:
    """What an export did.

    output (Path): The file or folder.
    format (str): Its format.
    records (int): Records read.
    written (int): Records in the output.
    left_out (Counter): What the format cannot say, and in how many records it was.
    lost (list[Problem]): Each single annotation or record that could not be written.
    problems (list[Problem]): What was wrong with the inputs.
    """

    output: Path
    format: str
    records: int = 0
    written: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    lost: list[Problem] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every record of the inputs could be read and written."""
        return not any(item.kind == "error" for item in (*self.problems, *self.lost))

    def to_dict(self) -> dict[str, Any]:
        return {
            "output": str(self.output),
            "format": self.format,
            "records": self.records,
            "written": self.written,
            "left_out": dict(self.left_out),
            "lost": [item.to_dict() for item in self.lost],
            "problems": [item.to_dict() for item in self.problems],
        }


def export(
    inputs: Sequence[Path],
    output: Path,
    to: str,
    *,
    options: ReadOptions = AUTO,
    lang: str = "zh",
    scheme: str = "BIO",
    heads: Sequence[str] = (),
    pipeline: Path | str | None = None,
    strict: bool = False,
    force: bool = False,
) -> ExportReport:
    """Write a corpus in the format of an annotation tool.

    inputs (Sequence[Path]): Annotated files, in any registered format.
    output (Path): The file to write, or the folder for formats of many files.
    to (str): Name of the format.
    options (ReadOptions): How to read the inputs.
    lang (str): Language code of the tokeniser, for formats with tokens.
    scheme (str): Tag scheme, for formats with tags.
    heads (Sequence[str]): The only heads to write; empty: all.
    pipeline (Path | str | None): Write the predictions of this pipeline, for correction, in place
        of the annotations.
    strict (bool): Whether the first bad input or loss ends the export, with no output.
    force (bool): Whether to replace an existing output.
    RETURNS (ExportReport): What was written, and what was not.
    RAISES (XinzhiError): If the format cannot be written, the output exists, no record can be read,
        or with `strict`.
    """
    fmt = writable_format(to)
    _check_output(inputs, output, force)
    report = ExportReport(output, to)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=_parent(output))))
        source: Source = partial(_read_all, inputs, options)
        known: Sequence[str] = ()
        if pipeline is not None:
            source, known = _predicted(source, pipeline, folder / "predictions")
        start = WriteOptions(lang=lang, scheme=scheme, entities=tuple(known))
        settings = survey(source(), start, heads)
        work = folder / "output"
        work.mkdir()
        records = _fitting(source(), fmt, settings, report, strict)
        fmt.write(records, work / output.name, settings, lambda item: _lose(item, report, strict))
        if not report.records:
            problem = next((str(item) for item in report.problems), f"{inputs[0]} has no records")
            raise XinzhiError(f"There is nothing to export: {problem}", "Correct the input.")
        report.written = report.records - sum(item.kind == "error" for item in report.lost)
        if not report.written:
            raise XinzhiError(
                f"No record can be written as {to}: {report.lost[0]}",
                "Choose another format (docs/data-format.md says what each can hold).",
            )
        _move(work, output)
    if report.left_out or report.lost or report.problems:
        write_json(output.with_name(f"{output.name}.report.json"), report.to_dict())
    return report


def writable_format(name: str) -> WritableFormat:
    """RETURNS (WritableFormat): The format of this name.

    RAISES (XinzhiError): If there is none, or it can only be read.
    """
    fmt = known_formats().get(name)
    if isinstance(fmt, WritableFormat):
        return fmt
    names = [n for n, f in known_formats().items() if isinstance(f, WritableFormat)]
    fact = (
        f"There is no format '{name}'" if fmt is None else f"The format '{name}' can only be read"
    )
    raise XinzhiError(f"{fact}.", f"Writable are {', '.join(names)}.")


def survey(
    items: Iterable[Record | Problem], options: WriteOptions, heads: Sequence[str] = ()
) -> WriteOptions:
    """Collect the names that a corpus uses, which some formats declare at their beginning.

    items (Iterable): The records.
    options (WriteOptions): Language, scheme, and entity labels that are known already.
    heads (Sequence[str]): The only heads to write; empty: all.
    RETURNS (WriteOptions): With labels, heads, scores and metadata.
    RAISES (XinzhiError): If one of `heads` does not occur.
    """
    entities = set(options.entities)
    scores: dict[str, None] = {}
    metas: dict[str, None] = {}
    labels: dict[str, set[str]] = {}
    spans = False
    for item in items:
        if isinstance(item, Record):
            spans |= item.spans is not None
            entities.update(label for _, _, label in item.spans or ())
            scores.update(dict.fromkeys(item.scores))
            metas.update(dict.fromkeys(item.meta))
            for head, value in item.cats.items():
                labels.setdefault(head, set()).update(label for label, _ in head_values(value))
            for key in item.confidence:
                if len(key) == 2:
                    labels.setdefault(key[0], set()).add(key[1])
    unknown = [head for head in heads if head not in labels]
    if unknown:
        raise XinzhiError(
            f"No record has the head '{unknown[0]}'.", f"There are: {', '.join(labels) or 'none'}."
        )
    return replace(
        options,
        entities=tuple(sorted(entities)),
        heads={head: tuple(sorted(labels[head])) for head in heads or labels},
        scores=tuple(scores),
        metas=tuple(metas),
        spans=spans,
    )


def fit(record: Record, holds: frozenset[str], options: WriteOptions) -> tuple[Record, list[str]]:
    """Leave out of a record what a format cannot say.

    record (Record): The record.
    holds (frozenset[str]): What the format can say.
    options (WriteOptions): The heads to write.
    RETURNS (tuple): A record that the format can write whole, and the names of what was left out.
    """
    left_out = []
    changes: dict[str, Any] = {}
    inside = [span for span in record.spans or () if 0 <= span[0] < span[1] <= len(record.text)]
    if len(inside) < len(record.spans or ()):
        record = replace(record, spans=inside)
        left_out.append("entities that are empty or outside the text")
    if "entities" not in holds and record.spans is not None:
        changes["spans"] = None
        left_out += ["entities"] * bool(record.spans)
    elif "overlaps" not in holds and record.spans:
        changes["spans"] = resolve(unique(record.spans)[0], "longest")[0]
        left_out += ["overlapping entities"] * (len(changes["spans"]) < len(record.spans))
    if "entities" in holds and "unannotated" not in holds and record.spans is None:
        left_out += ["that the entities were not annotated"] * options.spans
    cats = {head: value for head, value in record.cats.items() if head in options.heads}
    if "soft" not in holds:
        hard = {head: _hard(value) for head, value in cats.items()}
        soft = any(0 < n < 1 for value in cats.values() for _, n in head_values(value))
        left_out += ["values between 0 and 1 of labels"] * soft
        cats = hard
    changes["cats"] = cats if "cats" in holds else {}
    left_out += ["heads"] * (len(changes["cats"]) < len(record.cats))
    for name in ("scores", "meta", "unknown", "annotator"):
        if name not in holds and getattr(record, name):
            changes[name] = type(getattr(record, name))() if name != "annotator" else None
            left_out.append(name)
    if "id" not in holds and record.id != record.line:
        left_out.append("id")
    return replace(record, **changes), left_out


def _hard(value: HeadValue) -> HeadValue:
    if isinstance(value, dict):
        return [label for label, number in value.items() if number >= 0.5]
    return value


def _read_all(inputs: Sequence[Path], options: ReadOptions) -> Iterator[Record | Problem]:
    for path in inputs:
        yield from read_records(path, options)


def _predicted(source: Source, pipeline: Path | str, spool: Path) -> tuple[Source, Sequence[str]]:
    """The predictions, made once and kept in a file, as they are needed twice; and the labels."""
    import spacy

    from .predicted import entity_labels, predict_records

    try:
        nlp = spacy.load(pipeline)
    except OSError as err:
        raise XinzhiError(
            f"'{pipeline}' is no pipeline: {err}".splitlines()[0],
            "Name the folder of a trained pipeline (model-best), or an installed package.",
        ) from err
    with spool.open("wb") as file:
        for item in predict_records(source(), nlp):
            pickle.dump(item, file)

    def replay() -> Iterator[Record | Problem]:
        with spool.open("rb") as file:
            while True:
                try:
                    yield pickle.load(file)
                except EOFError:
                    return

    return replay, entity_labels(nlp)


def _fitting(
    items: Iterable[Record | Problem],
    fmt: WritableFormat,
    options: WriteOptions,
    report: ExportReport,
    strict: bool,
) -> Iterator[Record]:
    """The records that are written, as the format can say them, each with an id of its own."""
    used: Counter[str] = Counter()
    for item in items:
        if isinstance(item, Problem):
            report.problems.append(item)
            if strict and item.kind == "error":
                raise XinzhiError(str(item), "Correct it, or export without --strict.")
            continue
        report.records += 1
        record, left_out = fit(item, fmt.holds, options)
        name = str(record.id)
        used[name] += 1
        if used[name] > 1 and "id" in fmt.holds:
            record.id = f"{name}~{used[name]}"
            left_out.append("ids that were used before; a number was added (ID~2)")
        report.left_out.update(left_out)
        report.left_out.update(["relations"] if record.relations else [])
        report.lost += [record.problem(f"not read: {fact}", "note") for fact in record.lost]
        yield record


def _lose(item: Problem, report: ExportReport, strict: bool) -> None:
    report.lost.append(item)
    if strict:
        raise XinzhiError(str(item), "Choose another format, or export without --strict.")


def _check_output(inputs: Sequence[Path], output: Path, force: bool) -> None:
    if any(path.exists() and path.resolve() == output.resolve() for path in inputs):
        raise XinzhiError(f"{output} is one of the inputs.", "Choose another output.")
    if output.exists() and not force:
        raise XinzhiError(
            f"{output} exists; it may hold somebody's corrections.",
            "Choose another name, or replace it with --force.",
        )


def _parent(output: Path) -> Path:
    output.parent.mkdir(parents=True, exist_ok=True)
    return output.parent


def _move(work: Path, output: Path) -> None:
    """Put the finished files in their place."""
    for path in sorted(work.iterdir()):
        target = output.parent / path.name
        if target.is_dir():
            shutil.rmtree(target)
        path.replace(target)
