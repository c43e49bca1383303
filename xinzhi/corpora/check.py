"""Look at a corpus before training: counts, problems, misaligned entities, repeated texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .alignment import Misaligned, align
from .docbin import blank, tokenise
from .inventory import Inventory, take_inventory, unseen_labels
from .record import Problem, Record, head_values
from .validate import read_valid


@dataclass(frozen=True)
class Repeated:
    """A text that occurs more than once.

    text (str): The text.
    records (list[Record]): All its occurrences.
    conflicts (list[str]): Tasks ("entities" or a head) on which its annotations disagree.
    """

    text: str
    records: list[Record]
    conflicts: list[str]

    @property
    def shared(self) -> bool:
        """Whether it occurs in more than one file."""
        return len({record.source for record in self.records}) > 1

    def __str__(self) -> str:
        places = ", ".join(f"{r.source}:{r.line} (record {r.id})" for r in self.records)
        conflict = f"; annotated differently: {', '.join(self.conflicts)}" if self.conflicts else ""
        shown = repr(self.text if len(self.text) <= 30 else self.text[:30] + "…")
        return f"{shown} at {places}{conflict}"

    def to_dict(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "records": [
                {"file": str(r.source), "line": r.line, "record": r.id} for r in self.records
            ],
            "shared_between_files": self.shared,
            "conflicts": self.conflicts,
        }


@dataclass
class CheckReport:
    """What a check found.

    lang (str): Language code of the tokeniser.
    inventory (Inventory): Counts per file, heads and labels.
    problems (list[Problem]): What would stop a conversion.
    misaligned (list[Misaligned]): Entities that do not fit the tokens.
    repeated (list[Repeated]): Texts that occur more than once.
    """

    lang: str
    inventory: Inventory
    problems: list[Problem] = field(default_factory=list)
    misaligned: list[Misaligned] = field(default_factory=list)
    repeated: list[Repeated] = field(default_factory=list)

    @property
    def has_findings(self) -> bool:
        """Whether there is anything at all that somebody should look at."""
        ignored = any(item.ignored for item in self.inventory.files.values())
        return bool(self.problems or self.misaligned or self.repeated or ignored)

    def to_dict(self) -> dict[str, Any]:
        return {
            "lang": self.lang,
            "files": [
                {"file": str(path), **item.to_dict()} for path, item in self.inventory.files.items()
            ],
            "heads": {head: list(labels) for head, labels in self.inventory.heads.items()},
            "exclusive_heads": sorted(self.inventory.exclusive),
            "problems": [item.to_dict() for item in self.problems],
            "misaligned": [item.to_dict() for item in self.misaligned],
            "repeated_texts": [item.to_dict() for item in self.repeated],
        }


def check(
    paths: Sequence[Path], *, lang: str = "zh", train: str = "train", progress: bool = False
) -> CheckReport:
    """Check the files of one corpus, before conversion (JSON Lines) or after it (.spacy).

    paths (Sequence[Path]): The files.
    lang (str): Language code of the tokeniser that entities must fit.
    train (str): Stem of the training file: labels must occur there.
    progress (bool): Whether to show a progress bar.
    RETURNS (CheckReport): Counts and findings.
    RAISES (XinzhiError): If the language is unknown. Bad input is reported, not raised.
    """
    nlp = blank(lang)
    report = CheckReport(lang, take_inventory(paths))
    texts: dict[str, list[Record]] = {}
    for path in report.inventory.files:
        for item in read_valid(path, report.inventory, progress):
            if isinstance(item, Problem):
                report.problems.append(item)
                continue
            texts.setdefault(item.text, []).append(item)
            doc = tokenise(nlp, item)
            if isinstance(doc, Problem):
                report.problems.append(doc)
            else:
                report.misaligned.extend(align(doc, item)[1])
    report.problems.extend(unseen_labels(report.inventory, train))
    report.repeated = [
        Repeated(text, records, find_conflicts(records))
        for text, records in texts.items()
        if len(records) > 1
    ]
    return report


def find_conflicts(records: Sequence[Record]) -> list[str]:
    """Tasks on which records of the same text disagree. A missing annotation agrees with any.

    records (Sequence[Record]): Records of one text.
    RETURNS (list[str]): "entities" and names of heads and scores.
    """
    seen: dict[str, set[Any]] = {}
    for record in records:
        if record.spans is not None:
            seen.setdefault("entities", set()).add(frozenset(record.spans))
        for head, value in record.cats.items():
            gold = frozenset((label, v) for label, v in head_values(value) if v > 0)
            seen.setdefault(f"head {head}", set()).add(gold)
        for name, score in record.scores.items():
            seen.setdefault(f"score {name}", set()).add(score)
    return [task for task, annotations in seen.items() if len(annotations) > 1]
