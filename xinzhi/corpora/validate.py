"""Checks that hold for every format: spans inside the text, one gold value, unique ids."""

from __future__ import annotations

from collections.abc import Container, Iterator
from pathlib import Path

from rich.progress import track

from .formats import read_records
from .inventory import Inventory
from .record import HeadValue, Problem, Record, SpanTuple, head_values


def read_valid(
    path: Path, inventory: Inventory, progress: bool = False
) -> Iterator[Record | Problem]:
    """Stream one file, with the problems that its records have.

    path (Path): The file.
    inventory (Inventory): The whole corpus; it knows which heads are exclusive.
    progress (bool): Whether to show a progress bar.
    YIELDS (Record | Problem): Valid records, and one or more problems for each other one.
    """
    lines: dict[str, int] = {}
    total = inventory.files[path].records
    for item in track(read_records(path), path.name, total, disable=not progress, transient=True):
        if isinstance(item, Problem):
            yield item
            continue
        facts = list(record_facts(item, inventory.exclusive))
        first = lines.setdefault(str(item.id), item.line)
        if first != item.line:
            facts.append(f"the id is already used at line {first}")
        yield from (item.problem(fact) for fact in facts)
        if not facts:
            yield item


def record_facts(record: Record, exclusive: Container[str]) -> Iterator[str]:
    """What is wrong with one record, seen alone.

    record (Record): The record.
    exclusive (Container[str]): Names of the heads that take exactly one label.
    YIELDS (str): One fact per problem.
    """
    yield from span_facts(record.spans or [], len(record.text))
    for head, value in record.cats.items():
        if "/" in head or not head:
            yield f"the head name '{head}' is empty or has a '/' in it; rename the head"
        if head in exclusive:
            yield from exclusive_facts(head, value)


def exclusive_facts(head: str, value: HeadValue) -> Iterator[str]:
    """Whether a gold value gives an exclusive head exactly one label.

    head (str): Name of the head.
    value (HeadValue): Its gold value.
    YIELDS (str): At most one fact.
    """
    gold = {label: number for label, number in head_values(value) if number > 0}
    if len(gold) > 1:
        yield f"{len(gold)} gold values in an exclusive head: '{head}' = {', '.join(gold)}"
    elif list(gold.values()) != [1.0]:
        yield f"an exclusive head needs one label with value 1: '{head}' = {value!r}"


def span_facts(spans: list[SpanTuple], length: int) -> Iterator[str]:
    """Spans that are empty, reach outside the text, or overlap an earlier one.

    spans (list): (start, end, label).
    length (int): Length of the text in code points.
    YIELDS (str): One fact per problem.
    """
    for start, end, label in spans:
        if start < 0 or end > length:
            yield f"span [{start}, {end}, '{label}'] is outside the text of {length} characters"
        elif end == start:
            yield (
                f"span [{start}, {end}, '{label}'] is empty (the end is exclusive: if your tool "
                f"writes the last character as the end, use {end + 1})"
            )
        elif end < start:
            yield f"span [{start}, {end}, '{label}'] ends before it starts"
    ordered = sorted(spans)
    furthest = ordered[0] if ordered else None
    for span in ordered[1:]:
        assert furthest is not None
        if span[0] < furthest[1]:
            yield f"overlapping spans {list(furthest)} and {list(span)}"
        furthest = max(furthest, span, key=lambda item: item[1])
