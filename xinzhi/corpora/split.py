"""Split a corpus into parts, or into folds, so that nothing leaks from one into another."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ..errors import XinzhiError
from ..files import write_json
from .changes import Change
from .convert import all_or_nothing
from .formats import AUTO, ReadOptions, read_records
from .formats.jsonl import to_fields
from .inventory import FileInventory, label_uses
from .near import clusters, key_of, near_duplicates
from .record import Problem, Record
from .stratify import stratify

REPORT = "split_report.json"
NEAR = "near"  # groups of near-duplicates, instead of a field


@dataclass(frozen=True)
class SplitOptions:
    """How to split.

    parts (Mapping): Name to share, such as {"train": 80, "dev": 10, "test": 10}.
    folds (int): Number of folds instead; each is dev once, the others are train.
    group (str | None): A field of `meta` whose records stay together, or "near": near-duplicates
        stay together. Equal texts always do.
    time (str | None): A field of `meta`: earlier records go to earlier parts.
    seed (int): For the order of records that are alike.
    read (ReadOptions): How to read the files.
    """

    parts: Mapping[str, float] = field(
        default_factory=lambda: {"train": 80.0, "dev": 10.0, "test": 10.0}
    )
    folds: int = 0
    group: str | None = None
    time: str | None = None
    seed: int = 0
    read: ReadOptions = AUTO

    def __post_init__(self) -> None:
        if self.folds == 1 or self.folds < 0:
            raise XinzhiError(f"{self.folds} folds are no folds.", "Use 2 or more.")
        if len(self.parts) < 2 or min(self.parts.values()) <= 0:
            raise XinzhiError(
                f"The parts {dict(self.parts)} cannot be.",
                "Name two or more with shares above 0: --parts train=80,dev=10,test=10",
            )
        if self.time is not None and (self.group is not None or self.folds):
            raise XinzhiError(
                "A split by time has no groups and no folds: time alone decides.",
                "Leave out --group and --folds, or --time.",
            )

    @property
    def shares(self) -> list[float]:
        """The share of each part or fold."""
        return [1.0] * self.folds if self.folds else list(self.parts.values())


@dataclass
class SplitReport:
    """What a split did.

    output (Path): The folder.
    files (dict): File, relative to it, to what it holds.
    groups (int): Groups of records that were kept together.
    leaked (int): Records of a later part whose text is in an earlier one (only by time).
    problems (list[Change]): Records that could not be read.
    """

    output: Path
    files: dict[Path, FileInventory] = field(default_factory=dict)
    groups: int = 0
    leaked: int = 0
    problems: list[Change] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        return {
            "files": {path.as_posix(): item.to_dict() for path, item in self.files.items()},
            "groups": self.groups,
            "leaked": self.leaked,
            "problems": [problem.to_dict() for problem in self.problems],
        }


@dataclass
class _Unit:
    """What the split has to know of one record."""

    labels: Counter[Hashable]
    text: int
    group: Hashable | None = None
    moment: float | None = None


def split(
    inputs: Sequence[Path], output_dir: Path, options: SplitOptions | None = None
) -> SplitReport:
    """Split annotated files into `output_dir/{part}.jsonl`, or `output_dir/fold-{n}/…`.

    inputs (Sequence[Path]): The files (or folders) of one corpus, in any registered format.
    output_dir (Path): Where the JSON Lines files and split_report.json go; the files appear when
        all are complete.
    options (SplitOptions): How to split.
    RETURNS (SplitReport): What each file holds.
    RAISES (XinzhiError): If a path, an option or a field is not there, or there is no record.
    """
    options = options or SplitOptions()
    check_paths(inputs, [output_dir / path for path in _paths(options)])
    report = SplitReport(output_dir)
    parts = _assign(list(_units(inputs, options, report)), inputs, options, report)
    with all_or_nothing(output_dir) as folder:
        _write(inputs, folder, parts, options, report)
        write_json(folder / REPORT, report.to_dict())
    return report


def check_paths(inputs: Sequence[Path], outputs: Sequence[Path]) -> None:
    """RAISES (XinzhiError): An input does not exist, or an output would replace it."""
    for path in inputs:
        if not path.exists():
            raise XinzhiError(f"{path}: no such file or folder.", "Correct the path.")
        if path.resolve() in {output.resolve() for output in outputs}:
            raise XinzhiError(f"{path} would be overwritten.", "Choose another output folder.")


def parse_parts(text: str) -> dict[str, float]:
    """RETURNS (dict): "train=80,dev=20" as a dict.

    RAISES (XinzhiError): If it is something else.
    """
    parts: dict[str, float] = {}
    for item in text.split(","):
        name, _, share = item.strip().partition("=")
        try:
            parts[name] = float(share)
        except ValueError as err:
            raise XinzhiError(
                f"'{item}' is not a part and its share.", "For example: train=80,dev=10,test=10"
            ) from err
    return parts


def _records(inputs: Sequence[Path], options: SplitOptions) -> Iterator[Record | Problem]:
    for path in inputs:
        yield from read_records(path, options.read)


def _units(inputs: Sequence[Path], options: SplitOptions, report: SplitReport) -> Iterator[_Unit]:
    """The first pass: what the split has to know of each record."""
    for item in _records(inputs, options):
        if isinstance(item, Problem):
            report.problems.append(Change.of_problem(item))
            continue
        unit = _Unit(Counter(label_uses(item)), hash(key_of(item.text)))
        if options.group not in (None, NEAR):
            unit.group = str(_meta(item, str(options.group)))
        if options.time is not None:
            unit.moment = moment(_meta(item, options.time), item, options.time)
        yield unit


def _meta(record: Record, name: str) -> Any:
    if record.meta.get(name) is None:
        raise XinzhiError(
            str(record.problem(f"there is no '{name}' in its meta.")),
            f"Its fields: {', '.join(record.meta) or 'none'}.",
        )
    return record.meta[name]


def moment(value: Any, record: Record, name: str) -> float:
    """A point in time as a number.

    value (Any): A number, or a date and time in ISO 8601.
    record (Record): Where it is from.
    name (str): The field.
    RETURNS (float): Something that is larger the later it is.
    RAISES (XinzhiError): If it is neither.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        return datetime.fromisoformat(str(value).replace("Z", "+00:00")).timestamp()
    except ValueError as err:
        raise XinzhiError(
            str(record.problem(f"'{name}' is no point in time: {value!r}.")),
            "Use numbers, or dates such as 2026-01-31 or 2026-01-31T12:00.",
        ) from err


def _assign(
    units: list[_Unit], inputs: Sequence[Path], options: SplitOptions, report: SplitReport
) -> list[int]:
    """RETURNS (list[int]): The part of each record."""
    if not units:
        problems = "\n".join(f"  {problem}" for problem in report.problems[:20])
        raise XinzhiError(f"There is no record to split.\n{problems}".strip(), "Correct the input.")
    if options.time is not None:
        parts = by_time([unit.moment or 0.0 for unit in units], options.shares)
        report.groups = len(units)
        report.leaked = count_leaks([unit.text for unit in units], parts)
        return parts
    groups = _groups(units, inputs, options)
    names = sorted(set(groups))
    report.groups = len(names)
    index = {name: number for number, name in enumerate(names)}
    labels: list[Counter[Hashable]] = [Counter() for _ in names]
    sizes = [0] * len(names)
    for unit, group in zip(units, groups, strict=True):
        labels[index[group]].update(unit.labels)
        sizes[index[group]] += 1
    assigned = stratify(labels, sizes, options.shares, options.seed)
    return [assigned[index[group]] for group in groups]


def _groups(units: list[_Unit], inputs: Sequence[Path], options: SplitOptions) -> list[int]:
    """RETURNS (list[int]): The group of each record: equal texts, equal fields, near-duplicates."""

    def pairs() -> Iterator[tuple[int, int, float]]:
        for attribute in ("text", "group"):
            first: dict[Hashable, int] = {}
            for number, unit in enumerate(units):
                value = getattr(unit, attribute)
                if value is not None:
                    yield first.setdefault(value, number), number, 1.0
        if options.group == NEAR:
            items = _records(inputs, options)
            yield from near_duplicates([item.text for item in items if isinstance(item, Record)])

    return clusters(len(units), pairs())


def by_time(moments: Sequence[float], shares: Sequence[float]) -> list[int]:
    """Earlier records to earlier parts; records of the same moment stay together.

    moments (Sequence[float]): When each record is from.
    shares (Sequence[float]): Share of each part.
    RETURNS (list[int]): The part of each record.
    """
    order = sorted(range(len(moments)), key=moments.__getitem__)
    parts = [0] * len(moments)
    part, end, before = 0, len(moments) * shares[0] / sum(shares), None
    for place, number in enumerate(order):
        while place >= round(end) and part < len(shares) - 1 and moments[number] != before:
            part += 1
            end += len(moments) * shares[part] / sum(shares)
        parts[number] = part
        before = moments[number]
    return parts


def count_leaks(texts: Sequence[Hashable], parts: Sequence[int]) -> int:
    """RETURNS (int): Records whose text is in an earlier part, too."""
    earliest: dict[Hashable, int] = {}
    for text, part in zip(texts, parts, strict=True):
        earliest[text] = min(part, earliest.get(text, part))
    return sum(part > earliest[text] for text, part in zip(texts, parts, strict=True))


def _write(
    inputs: Sequence[Path],
    folder: Path,
    parts: list[int],
    options: SplitOptions,
    report: SplitReport,
) -> None:
    """The second pass: each record to its file or files."""
    names = _unique_names(inputs, options)
    numbers = iter(parts)
    with ExitStack() as stack:
        files: dict[Path, Any] = {}
        for path in _paths(options):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            files[path] = stack.enter_context((folder / path).open("w", encoding="utf8"))
            report.files[path] = FileInventory()
        for item in _records(inputs, options):
            if isinstance(item, Problem):
                continue
            if names:
                item.id = f"{item.source.stem}-{item.id}"
            line = json.dumps(to_fields(item), ensure_ascii=False) + "\n"
            for path in _paths(options, next(numbers)):
                files[path].write(line)
                report.files[path].add(item)


def _unique_names(inputs: Sequence[Path], options: SplitOptions) -> bool:
    """RETURNS (bool): Whether ids are only unique together with the names of their files."""
    seen: set[int] = set()
    for item in _records(inputs, options):
        if isinstance(item, Record):
            code = hash(str(item.id))
            if code in seen:
                return True
            seen.add(code)
    return False


def _paths(options: SplitOptions, part: int | None = None) -> list[Path]:
    """RETURNS (list): The files of a split; with a part, those that its records go to."""
    if not options.folds:
        paths = [Path(f"{name}.jsonl") for name in options.parts]
        return paths if part is None else [paths[part]]
    folds = range(options.folds)
    if part is None:
        return [Path(f"fold-{n + 1}") / f"{name}.jsonl" for n in folds for name in ("train", "dev")]
    return [Path(f"fold-{n + 1}") / f"{'dev' if n == part else 'train'}.jsonl" for n in folds]
