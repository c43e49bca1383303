"""What the facts of a check mean for training; each rule is a function from report to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..training.linter import ERROR, WARNING, Finding, lint
from .check import CheckReport
from .inventory import ENTITIES, FileInventory
from .offsets import AS_IS
from .record import Record

FEW = 10  # uses of a label in training below which it is hardly learned
IMBALANCE = 100  # times that the most frequent label is more frequent than the least frequent
MISALIGNED_SHARE, LEAK_SHARE, CONFLICT_SHARE = 0.05, 0.01, 0.02  # from here on they are errors
SHOWN = 8


def findings_of(report: CheckReport, config: dict[str, Any] | None = None) -> list[Finding]:
    """Judge a corpus, and a training config with it.

    report (CheckReport): The facts.
    config (dict | None): An interpolated config.
    RETURNS (list[Finding]): Errors first.
    """
    found = [finding for rule in RULES for finding in rule(report)]
    if config is not None:
        found += [finding for finding in lint(config) if finding.rule != "dev-in-train"]
    return sorted(found, key=lambda finding: finding.level != ERROR)


def unreadable(report: CheckReport) -> Iterator[Finding]:
    """Files that are empty, damaged, missing, or in no known format."""
    files = [str(problem.source) for problem in report.problems if problem.whole_file]
    if files:
        yield Finding(
            "unreadable",
            ERROR,
            "corpus",
            f"Files without anything that could be read: {', '.join(files[:SHOWN])}{_more(files)}.",
            "Give files with annotated texts; name an unusual format with --from.",
        )


def unusable(report: CheckReport) -> Iterator[Finding]:
    """Records that cannot be converted as they are, labels that train does not have."""
    count = sum(not problem.whole_file for problem in report.problems)
    if count:
        yield Finding(
            "problems",
            ERROR,
            "corpus",
            f"Records that cannot be used as they are, or labels that {report.train} does not "
            f"have: {count}.",
            "Correct them; without --strict, conversion leaves them out.",
        )


def offsets(report: CheckReport) -> Iterator[Finding]:
    """Offsets in another unit."""
    for path, item in report.inventory.files.items():
        best = item.offsets.best()
        if best != AS_IS:
            wins, losses = item.offsets.wins[best], item.offsets.losses[best]
            yield Finding(
                "offsets",
                ERROR,
                str(path),
                f"{path}: the offsets look like {best}: of {item.offsets.spans} spans {wins} make "
                f"sense only that way, {losses} only as they are.",
                "Convert with --fix-offsets.",
            )


def misaligned(report: CheckReport) -> Iterator[Finding]:
    """Entities that do not fit the tokens."""
    spans = sum(item.spans for item in report.inventory.files.values())
    count = len(report.misaligned)
    if count:
        yield Finding(
            "misaligned",
            ERROR if count > MISALIGNED_SHARE * spans else WARNING,
            "corpus",
            f"Entities that do not fit the tokens: {count} of {spans}. Nothing is learned from "
            "them.",
            "Correct the offsets as suggested, or convert with --fix-offsets.",
        )


def leakage(report: CheckReport) -> Iterator[Finding]:
    """Texts of dev and test files that are in the training file."""
    for path, item in report.inventory.files.items():
        if path.stem == report.train or not _train_files(report):
            continue
        leaked = sum(_leaks(report, path, repeated.records) for repeated in report.repeated)
        if leaked:
            yield Finding(
                "leakage",
                ERROR if leaked >= LEAK_SHARE * item.records else WARNING,
                str(path),
                f"{path}: {leaked} of {item.records} texts are in {report.train}, too: scores on "
                "them are too high.",
                "Remove them from one of the files (xinzhi clean), or split anew: xinzhi split.",
            )


def near_leakage(report: CheckReport) -> Iterator[Finding]:
    """Texts of dev and test files that are nearly the same as one in the training file."""
    for path, item in report.inventory.files.items():
        leaked = {
            record.line
            for pair in report.near or ()
            for record in pair.records
            if _leaks(report, path, pair.records) and _is_in(path, record.source)
        }
        if path.stem != report.train and leaked:
            yield Finding(
                "near-leakage",
                WARNING,
                str(path),
                f"{path}: {len(leaked)} of {item.records} texts are nearly the same as one in "
                f"{report.train}.",
                "Split so that they stay together: xinzhi split --group near.",
            )


def conflicts(report: CheckReport) -> Iterator[Finding]:
    """The same text with different annotations."""
    texts = [item for item in report.repeated if item.conflicts]
    records = sum(item.records for item in report.inventory.files.values())
    if texts:
        yield Finding(
            "conflicts",
            ERROR if len(texts) >= CONFLICT_SHARE * records else WARNING,
            "corpus",
            f"Texts with conflicting annotations: {len(texts)}.",
            "Decide on one annotation for each, or leave them out: xinzhi clean --steps conflicts.",
        )


def copies(report: CheckReport) -> Iterator[Finding]:
    """The same text more than once in a file, annotated alike."""
    count = sum(not item.conflicts and not item.shared for item in report.repeated)
    if count:
        yield Finding(
            "copies",
            WARNING,
            "corpus",
            f"Texts that a file has more than once: {count}.",
            "Leave the copies out, unless they should count twice: xinzhi clean --steps copies.",
        )


def damaged(report: CheckReport) -> Iterator[Finding]:
    """Texts with U+FFFD."""
    for path, facts in report.files.items():
        if facts.damaged:
            lines = ", ".join(str(problem.line) for problem in facts.damaged[:SHOWN])
            yield Finding(
                "lost-characters",
                WARNING,
                str(path),
                f"{path}: {len(facts.damaged)} texts have U+FFFD, the sign for a character that an "
                f"earlier conversion lost (lines {lines}{_more(facts.damaged)}).",
                "Take them from the original, or leave them out: xinzhi clean --steps damaged.",
            )


def few_examples(report: CheckReport) -> Iterator[Finding]:
    """Labels with hardly any example to learn from."""
    for head, counts in _train_labels(report).items():
        few = sorted((n, label) for label, n in counts.items() if n < FEW)
        if few:
            listed = ", ".join(f"{label} ({n})" for n, label in few[:SHOWN])
            yield Finding(
                "tiny-class",
                WARNING,
                _name(head),
                f"{_name(head)}: labels with fewer than {FEW} examples in {report.train}: "
                f"{listed}{_more(few)}.",
                "Annotate more of them, or join the label with another.",
            )


def imbalance(report: CheckReport) -> Iterator[Finding]:
    """Labels that are far more frequent than others."""
    for head, counts in _train_labels(report).items():
        if len(counts) > 1:
            most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
            high, low = counts[most], counts[least]
            if high >= IMBALANCE * low:
                yield Finding(
                    "imbalance",
                    WARNING,
                    _name(head),
                    f"{_name(head)}: {most} is {high / low:.0f} times as frequent as {least}.",
                    "Set class_weights of the component, or annotate more of the rare ones.",
                )


def one_label(report: CheckReport) -> Iterator[Finding]:
    """A head in which there is nothing to decide."""
    for head in report.inventory.exclusive:
        counts = _train_labels(report).get(head, {})
        if len(counts) == 1:
            yield Finding(
                "one-label",
                WARNING,
                _name(head),
                f"{_name(head)}: {report.train} has only the label {next(iter(counts))}.",
                "There is nothing to learn; add the other labels.",
            )


def not_scored(report: CheckReport) -> Iterator[Finding]:
    """Labels or whole tasks of the training file that no other file has."""
    others = [i for p, i in report.inventory.files.items() if p.stem != report.train and i.records]
    if not others:
        return
    for head, counts in _train_labels(report).items():
        scored = {label for item in others for label in item.labels.get(head, ())}
        missing = sorted(set(counts) - scored)
        if missing:
            whole = "" if scored else " (the whole task)"
            yield Finding(
                "never-scored",
                WARNING,
                _name(head),
                f"{_name(head)}: only {report.train} has {', '.join(missing[:SHOWN])}"
                f"{_more(missing)}{whole}: it is never scored.",
                "Split anew, so that every label is in each file: xinzhi split.",
            )


def empty(report: CheckReport) -> Iterator[Finding]:
    """Files without a usable record or without any annotation."""
    unreadable = {problem.source for problem in report.problems if problem.whole_file}
    for path, item in report.inventory.files.items():
        if path in unreadable:
            continue
        if not item.records:
            yield Finding(
                "empty-corpus", ERROR, str(path), f"{path}: no record can be used.", "Replace it."
            )
        elif not item.entities_annotated and not item.labels and not item.scored:
            yield Finding(
                "no-annotation",
                ERROR,
                str(path),
                f"{path}: nothing in it is annotated.",
                "If it is, the fields have other names: see --head and docs/data-format.md.",
            )


RULES: list[Callable[[CheckReport], Iterator[Finding]]] = [
    unreadable,
    empty,
    unusable,
    offsets,
    misaligned,
    leakage,
    near_leakage,
    conflicts,
    copies,
    damaged,
    few_examples,
    imbalance,
    one_label,
    not_scored,
]


def _train_files(report: CheckReport) -> list[FileInventory]:
    files = report.inventory.files.items()
    return [item for path, item in files if path.stem == report.train and item.records]


def _train_labels(report: CheckReport) -> dict[str, dict[str, int]]:
    """Head to label to number of uses, in the training file."""
    total: dict[str, dict[str, int]] = {}
    for item in _train_files(report):
        for head, counts in item.labels.items():
            labels = total.setdefault(head, {})
            for label, count in counts.items():
                labels[label] = labels.get(label, 0) + count
    return total


def _is_in(path: Path, source: Path) -> bool:
    return source == path or path in source.parents


def _leaks(report: CheckReport, path: Path, records: Sequence[Record]) -> int:
    """How many of these records are in a file, if one of them is in the training file."""
    training = [p for p in report.inventory.files if p.stem == report.train]
    if not any(_is_in(p, record.source) for p in training for record in records):
        return 0
    return sum(_is_in(path, record.source) for record in records)


def _name(head: str) -> str:
    return "entities" if head == ENTITIES else f"head {head}"


def _more(items: list) -> str:
    return f", … {len(items) - SHOWN} more" if len(items) > SHOWN else ""
