"""Clean a corpus in named steps, each counted, and all of it reversible.

Records that a step leaves out go to removed.jsonl, those that it changes to changed.jsonl as they
were; both say where they stood, so that `restore` puts everything back.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ..errors import XinzhiError
from ..files import write_json
from .alignment import is_invisible
from .changes import Change
from .convert import REPLACEMENT, SHOWN, all_or_nothing
from .duplicates import Repetitions, gold_of, group_by_text
from .formats import AUTO, ReadOptions, read_records
from .formats.jsonl import to_fields
from .near import near_duplicates
from .normalise import DEFAULT_STEPS, parse_steps
from .prepare import SPAN_GROUP, Settings, prepare
from .record import Problem, Record
from .split import check_paths

REMOVED, CHANGED, REPORT = "removed.jsonl", "changed.jsonl", "clean_report.json"
INVALID = "left as it is: a span outside the text, or lost"
Place = tuple[Path, int]  # input, and number of the record in it, from 0

# Steps that leave records out, in the order in which they run.
REMOVING = {
    "empty": "texts with nothing visible",
    "damaged": "texts with U+FFFD",
    "conflicts": "texts that occur with conflicting annotations, all of them",
    "copies": "copies of an earlier record: the same text with the same annotations",
    "leaks": "records of the training file whose text is in another file",
    "near": "near-duplicates of an earlier record",
}
# Steps that change records.
CHANGING = {
    "normalise": "texts normalised (--normalise)",
    "trim": "white space at the edges of spans",
    "overlaps": "overlapping spans resolved (--overlap)",
}
STEPS = {**REMOVING, **CHANGING}
DEFAULT = ("empty", "copies", "trim")


@dataclass(frozen=True)
class CleanOptions:
    """How to clean.

    steps (Sequence[str]): Names from STEPS, in any order.
    normalise (Sequence[str]): Normalisation steps, for "normalise".
    overlap (str): The overlap policy, for "overlaps".
    priority (Sequence[str]): Labels, for the policy "priority".
    train (str): Stem of the training file, for "leaks".
    read (ReadOptions): How to read the files.
    """

    steps: Sequence[str] = DEFAULT
    normalise: Sequence[str] = DEFAULT_STEPS
    overlap: str = "longest"
    priority: Sequence[str] = ()
    train: str = "train"
    read: ReadOptions = AUTO

    def __post_init__(self) -> None:
        unknown = [name for name in self.steps if name not in STEPS]
        if unknown:
            raise XinzhiError(
                f"There is no step '{unknown[0]}'.", f"Use some of {', '.join(STEPS)}."
            )
        if self.overlap in ("spans", "error"):
            raise XinzhiError(
                f"The overlap policy '{self.overlap}' cleans nothing.",
                "Use longest, first or priority.",
            )
        parse_steps(self.normalise)

    @property
    def settings(self) -> Settings | None:
        """How records are changed; None if no step changes any."""
        if not set(self.steps) & set(CHANGING):
            return None
        overlap = self.overlap if "overlaps" in self.steps else "spans"
        return Settings(
            trim="trim" in self.steps,
            steps=parse_steps(self.normalise) if "normalise" in self.steps else (),
            overlap=overlap,
            priority=self.priority if overlap == "priority" else (),
        )


@dataclass
class CleanReport:
    """What cleaning did.

    output (Path): The folder.
    records (int): Records read.
    kept (int): Records written.
    removed (Counter): Step to number of records that it left out.
    changed (int): Records that are written, but not as they were.
    reasons (Counter): What was done to the spans and texts of those.
    problems (list[Change]): Records that could not be read.
    """

    output: Path
    records: int = 0
    kept: int = 0
    removed: Counter[str] = field(default_factory=Counter)
    changed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    problems: list[Change] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        return {
            "records": self.records,
            "kept": self.kept,
            "removed": dict(self.removed),
            "changed": self.changed,
            "changes": dict(self.reasons),
            "problems": [problem.to_dict() for problem in self.problems],
        }


def clean(
    inputs: Sequence[Path], output_dir: Path, options: CleanOptions | None = None
) -> CleanReport:
    """Clean annotated files into `output_dir/{stem}.jsonl`; the files appear when all are complete.

    inputs (Sequence[Path]): The files (or folders) of one corpus, in any registered format.
    output_dir (Path): Where the cleaned files, removed.jsonl, changed.jsonl and
        clean_report.json go.
    options (CleanOptions): How to clean.
    RETURNS (CleanReport): What was done.
    RAISES (XinzhiError): If a path or an option is not there, or no record can be read.
    """
    options = options or CleanOptions()
    names = {path: f"{path.stem}.jsonl" for path in inputs}
    if len({*names.values(), REMOVED, CHANGED}) < len(names) + 2:
        raise XinzhiError("Two inputs would be written to the same file.", "Rename one of them.")
    check_paths(inputs, [output_dir / name for name in (*names.values(), REMOVED, CHANGED)])
    report = CleanReport(output_dir)
    removed = find_removed(inputs, options)
    with all_or_nothing(output_dir) as folder:
        with ExitStack() as stack:
            files = {
                name: stack.enter_context((folder / name).open("w", encoding="utf8"))
                for name in (*names.values(), REMOVED, CHANGED)
            }
            for place, item in _places(inputs, options):
                if isinstance(item, Problem):
                    report.problems.append(Change.of_problem(item))
                else:
                    out = files[names[place[0]]]
                    _clean_record(place, item, removed.get(place), options, report, files, out)
        if not report.records:
            problems = "".join(f"\n  {problem}" for problem in report.problems[:SHOWN])
            raise XinzhiError(f"There is no record to clean.{problems}", "Correct the input.")
        write_json(folder / REPORT, report.to_dict())
    return report


def _clean_record(
    place: Place,
    record: Record,
    step: str | None,
    options: CleanOptions,
    report: CleanReport,
    files: Mapping[str, IO[str]],
    out: IO[str],
) -> None:
    """Write one record where it belongs."""
    report.records += 1
    was = {"file": f"{place[0].stem}.jsonl", "position": place[1], "line": record.line}
    if step is not None:
        report.removed[step] += 1
        _write(files[REMOVED], {"step": step, **was, "record": to_fields(record)})
        return
    report.kept += 1
    new = _changed(record, options.settings, report)
    if to_fields(new) != to_fields(record):
        report.changed += 1
        _write(files[CHANGED], {**was, "record": to_fields(record)})
    _write(out, to_fields(new))


def _changed(record: Record, settings: Settings | None, report: CleanReport) -> Record:
    """RETURNS (Record): The record after the steps that change records.

    One with a span that means nothing stays as it is: to repair it is a person's task.
    """
    if settings is None:
        return record
    prepared = prepare(record, settings)
    if any(change.error for change in prepared.changes):
        report.reasons[INVALID] += 1
        return record
    reasons = [c.reason for c in prepared.changes if c.reason != SPAN_GROUP]
    if prepared.normalised is not None:
        reasons.append("text normalised")
    report.reasons.update(reasons)
    return prepared.record if reasons else record


def _write(file: IO[str], value: dict[str, Any]) -> None:
    file.write(json.dumps(value, ensure_ascii=False) + "\n")


def _places(
    inputs: Sequence[Path], options: CleanOptions
) -> Iterator[tuple[Place, Record | Problem]]:
    """Every item of the inputs, with its place; a problem has that of the next record."""
    for path in inputs:
        number = 0
        for item in read_records(path, options.read):
            yield (path, number), item
            number += isinstance(item, Record)


def _records(inputs: Sequence[Path], options: CleanOptions) -> Iterator[tuple[Place, Record]]:
    for place, item in _places(inputs, options):
        if isinstance(item, Record):
            yield place, item


def find_removed(inputs: Sequence[Path], options: CleanOptions) -> dict[Place, str]:
    """Which records are left out, and by which step; the first step that wants one gets it.

    inputs (Sequence[Path]): The files.
    options (CleanOptions): How to clean.
    RETURNS (dict): Place to step.
    """
    removed: dict[Place, str] = {}
    for step in REMOVING:
        if step in options.steps:
            for place in FINDERS[step](inputs, options, removed):
                removed.setdefault(place, step)
    return removed


def _empty(inputs: Sequence[Path], options: CleanOptions, _: dict) -> Iterator[Place]:
    for place, record in _records(inputs, options):
        if all(map(is_invisible, record.text)):
            yield place


def _damaged(inputs: Sequence[Path], options: CleanOptions, _: dict) -> Iterator[Place]:
    for place, record in _records(inputs, options):
        if REPLACEMENT in record.text:
            yield place


def _repeated(
    inputs: Sequence[Path], options: CleanOptions, removed: dict[Place, str]
) -> list[list[tuple[Place, Record]]]:
    """The records of every text that occurs more than once, in two passes."""
    texts = Repetitions()
    for place, record in _records(inputs, options):
        if place not in removed:
            texts.add(record.text)
    groups: dict[str, list[tuple[Place, Record]]] = {}
    for place, record in _records(inputs, options):
        if place not in removed and record.text in texts:
            groups.setdefault(record.text, []).append((place, record))
    return list(groups.values())


def _conflicts(
    inputs: Sequence[Path], options: CleanOptions, removed: dict[Place, str]
) -> Iterator[Place]:
    for group in _repeated(inputs, options, removed):
        if any(item.conflicts for item in group_by_text([record for _, record in group])):
            yield from (place for place, _ in group)


def _copies(
    inputs: Sequence[Path], options: CleanOptions, removed: dict[Place, str]
) -> Iterator[Place]:
    for group in _repeated(inputs, options, removed):
        seen: list[tuple[Path, dict[str, Any]]] = []
        for place, record in group:
            key = place[0], gold_of(record)
            if key in seen:
                yield place
            seen.append(key)


def _leaks(
    inputs: Sequence[Path], options: CleanOptions, removed: dict[Place, str]
) -> Iterator[Place]:
    for group in _repeated(inputs, options, removed):
        if any(place[0].stem != options.train for place, _ in group):
            yield from (place for place, _ in group if place[0].stem == options.train)


def _near(
    inputs: Sequence[Path], options: CleanOptions, removed: dict[Place, str]
) -> Iterator[Place]:
    records = [(place, r) for place, r in _records(inputs, options) if place not in removed]
    for _, later, _ in near_duplicates([record.text for _, record in records]):
        yield records[later][0]


FINDERS: dict[str, Callable[[Sequence[Path], CleanOptions, dict[Place, str]], Iterator[Place]]] = {
    "empty": _empty,
    "damaged": _damaged,
    "conflicts": _conflicts,
    "copies": _copies,
    "leaks": _leaks,
    "near": _near,
}


def restore(folder: Path, output_dir: Path) -> dict[str, int]:
    """Undo a cleaning: write the records as they were, in their order.

    folder (Path): What `clean` has written.
    output_dir (Path): Where the files go.
    RETURNS (dict): File to its number of records.
    RAISES (XinzhiError): If the folder was not written by `clean`.
    """
    if not (folder / REMOVED).is_file() or not (folder / CHANGED).is_file():
        raise XinzhiError(f"{folder} has no {REMOVED} and {CHANGED}.", "Name a folder of `clean`.")
    removed, changed = _by_place(folder / REMOVED), _by_place(folder / CHANGED)
    kept = [path for path in sorted(folder.glob("*.jsonl")) if path.name not in (REMOVED, CHANGED)]
    check_paths(kept, [output_dir / path.name for path in kept])
    counts: dict[str, int] = {}
    with all_or_nothing(output_dir) as work:
        for path in kept:
            with (
                path.open(encoding="utf8") as source,
                (work / path.name).open("w", encoding="utf8") as target,
            ):
                counts[path.name] = 0
                for line in _merge(path.name, source, removed, changed):
                    target.write(line)
                    counts[path.name] += 1
    return counts


def _by_place(path: Path) -> dict[tuple[str, int], str]:
    """RETURNS (dict): (file, position) to the record as a line."""
    found = {}
    with path.open(encoding="utf8") as file:
        for line in file:
            item = json.loads(line)
            record = json.dumps(item["record"], ensure_ascii=False) + "\n"
            found[item["file"], item["position"]] = record
    return found


def _merge(
    name: str,
    kept: Iterator[str],
    removed: dict[tuple[str, int], str],
    changed: dict[tuple[str, int], str],
) -> Iterator[str]:
    position = 0
    while True:
        place = name, position
        if place in removed:
            yield removed[place]
        else:
            line = next(kept, None)
            if line is None:
                return
            yield changed.get(place, line)
        position += 1
