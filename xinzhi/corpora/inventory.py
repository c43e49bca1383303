"""The first pass over a corpus: which labels and heads there are, and where each comes first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.progress import track

from .duplicates import Repetitions
from .formats import AUTO, ReadOptions, read_records
from .offsets import Evidence
from .record import Problem, Record, head_values

ENTITIES = ""  # stands for the entity labels among the names of heads


@dataclass
class FileInventory:
    """What one file holds.

    records (int): Readable records.
    problems (int): Records that cannot be read, or were left out by the reader.
    characters (int): Code points in their texts.
    spans (int): Entities.
    entities_annotated (int): Records whose entities were annotated, those with none included.
    without_entities (int): Records that were annotated and have none.
    scored (int): Records with a score.
    labels (dict): Head (ENTITIES for entities) to label to number of uses.
    first (dict): (head, label) to the first record that uses it.
    ignored (dict): Input field without a place in the record model to number of records.
    relations (int): Relations between entities; they are not kept.
    offsets (Evidence): What the offsets seem to count.
    ids (Repetitions): Ids that are used twice.
    """

    records: int = 0
    problems: int = 0
    characters: int = 0
    spans: int = 0
    entities_annotated: int = 0
    without_entities: int = 0
    scored: int = 0
    labels: dict[str, Counter[str]] = field(default_factory=dict)
    first: dict[tuple[str, str], Record] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)
    relations: int = 0
    offsets: Evidence = field(default_factory=Evidence)
    ids: Repetitions = field(default_factory=Repetitions)

    def add(self, record: Record) -> None:
        """Count one record."""
        self.records += 1
        self.characters += len(record.text)
        self.spans += len(record.spans or ())
        self.entities_annotated += record.spans is not None
        self.without_entities += record.spans == []
        self.scored += bool(record.scores)
        self.relations += record.relations
        self.offsets.add(record)
        if record.ignored:
            self.ignored.update(record.ignored)
        if record.id != record.line:
            self.ids.add((record.source, str(record.id)))
        for head, label in label_uses(record):
            self.labels.setdefault(head, Counter())[label] += 1
            self.first.setdefault((head, label), record)

    def to_dict(self) -> dict[str, Any]:
        return {
            "records": self.records,
            "characters": self.characters,
            "entities": self.spans,
            "entities_annotated": self.entities_annotated,
            "without_entities": self.without_entities,
            "entity_labels": dict(self.labels.get(ENTITIES, {})),
            "head_labels": {
                head: dict(counts) for head, counts in self.labels.items() if head != ENTITIES
            },
            "ignored_fields": dict(self.ignored),
            "relations": self.relations,
            "offsets": self.offsets.to_dict(),
        }


@dataclass
class Inventory:
    """What a corpus of several files holds.

    files (dict): File to what it holds.
    heads (dict): Head to every label that any record mentions for it, in order of appearance.
    exclusive (set): Heads of which some record gives a single label as a string.
    texts (Repetitions): Texts that occur more than once.
    """

    files: dict[Path, FileInventory] = field(default_factory=dict)
    heads: dict[str, dict[str, None]] = field(default_factory=dict)
    exclusive: set[str] = field(default_factory=set)
    texts: Repetitions = field(default_factory=Repetitions)

    def add(self, path: Path, record: Record) -> None:
        """Count one record of a file (or folder) and note its heads and labels."""
        self.files[path].add(record)
        self.texts.add(record.text)
        for head, value in record.cats.items():
            labels = self.heads.setdefault(head, {})
            labels.update(dict.fromkeys(label for label, _ in head_values(value)))
            if isinstance(value, str):
                self.exclusive.add(head)


def take_inventory(
    paths: Sequence[Path], options: ReadOptions = AUTO, progress: bool = False
) -> Inventory:
    """Read every file once. Records that cannot be read are left to the second pass to report.

    paths (Sequence[Path]): The files of one corpus.
    options (ReadOptions): How to read them.
    progress (bool): Whether to show a progress bar.
    RETURNS (Inventory): What they hold.
    """
    inventory = Inventory(files={path: FileInventory() for path in paths})
    for path in inventory.files:
        items: Iterable[Record | Problem] = read_records(path, options)
        if progress:
            items = track(items, f"Reading {path.name}", total=None, transient=True)
        for item in items:
            if isinstance(item, Record):
                inventory.add(path, item)
            elif item.kind != "note":
                inventory.files[path].problems += 1
    return inventory


def unseen_labels(inventory: Inventory, train: str = "train") -> list[Problem]:
    """Labels of other files that the training file never uses.

    inventory (Inventory): The whole corpus.
    train (str): Stem of the training file; if nothing can be read from it, nothing is compared.
    RETURNS (list[Problem]): One per label and file, at the first record that uses it.
    """
    trained = [
        item for path, item in inventory.files.items() if path.stem == train and item.records
    ]
    if not trained:
        return []
    return [
        record.problem(f"{_describe(head, label)} never occurs in {train}")
        for path, item in inventory.files.items()
        for (head, label), record in item.first.items()
        if not any((head, label) in known.first for known in trained)
    ]


def label_uses(record: Record) -> Iterator[tuple[str, str]]:
    """YIELDS (tuple): Head (ENTITIES for entities) and label, for each use in a record."""
    for _start, _end, label in record.spans or ():
        yield ENTITIES, label
    for head, value in record.cats.items():
        yield from ((head, label) for label, gold in head_values(value) if gold > 0)


def _describe(head: str, label: str) -> str:
    return f"entity label '{label}'" if head == ENTITIES else f"label '{label}' of head '{head}'"
