"""Bring the annotations of one record into the form that a corpus takes, and say what changed.

The order: offsets in another unit, spans that mean nothing, normalisation of the text, white space
at the edges, copies, overlaps. Where a span is lost, what it covered becomes "unknown", so that
nothing learns that there is no entity.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ..head_keys import is_head_name
from .alignment import Misaligned, trim
from .changes import Change, Outcome, Unit
from .normalise import Normalised, normalise
from .offsets import AS_IS, Reading
from .overlaps import check_policy, has_overlaps, overlap, resolve, unique
from .record import Record, SpanTuple
from .validate import exclusive_facts, span_fact

COPY = "copy of another span"
OVERLAP = "overlap"
SPAN_GROUP = "overlap: in the span group only"
OFFSETS = "offsets"
OUTSIDE = "outside the text"
LOST = "no place in the record model"
NOTHING = "nothing visible"
TRIMMED = "white space at the edges"
MISALIGNED = "does not fit the tokens"
WITH_RECORD = "its record was left out"


@dataclass(frozen=True)
class Settings:
    """What to do to every record.

    reading (Reading): What the offsets count.
    trim (bool): Whether to cut white space off the edges of spans.
    steps (Sequence[str]): Normalisation steps.
    overlap (str): The overlap policy.
    priority (Sequence[str]): Labels for the policy "priority".
    """

    reading: Reading = AS_IS
    trim: bool = False
    steps: Sequence[str] = ()
    overlap: str = "error"
    priority: Sequence[str] = ()

    def __post_init__(self) -> None:
        check_policy(self.overlap, self.priority)


@dataclass
class _Span:
    """A span on its way: as it was, as it is now, and what happened last."""

    was: SpanTuple
    now: SpanTuple
    outcome: Outcome = "kept"
    reason: str = ""

    def move(self, start: int, end: int, outcome: Outcome, reason: str) -> None:
        if (start, end) == self.now[:2]:
            return
        self.now = start, end, self.now[2]
        self.reason = f"{self.reason}; {reason}" if self.reason else reason
        self.outcome = "moved" if "moved" in (outcome, self.outcome) else outcome


@dataclass
class Prepared:
    """A record that is ready, and what was done to it.

    record (Record): The record; its spans are inside the text and, unless the policy is "spans",
        without overlaps.
    original (Record): As it was read.
    normalised (Normalised | None): The map between the two texts, if the text was changed.
    changes (list[Change]): What did not go through as it was.
    """

    record: Record
    original: Record
    normalised: Normalised | None = None
    changes: list[Change] = field(default_factory=list)

    def misalign(self, misaligned: Sequence[Misaligned]) -> None:
        """Report spans that do not fit the tokens, instead of what was done to them before."""
        for item in misaligned:
            now = item.start, item.end, item.label
            before = next((c for c in self.changes if c.to == now), None)
            if before is not None:
                self.changes.remove(before)
            was = before.span if before is not None else now
            place = (item.source, item.line, item.record)
            change = Change("span", "dropped", MISALIGNED, item.fact, *place, span=was)
            self.changes.append(change)

    def drop(self, fact: str) -> None:
        """Report that the whole record is left out, and its annotations with it."""
        record = self.original
        self.changes = [_change(record, "record", "cannot be stored", fact)]
        n_spans = len(record.spans or ()) + len(record.lost)
        span = replace(_change(record, "span", WITH_RECORD, fact), error=False)
        self.changes += [span] * n_spans + [replace(span, unit="head")] * len(record.cats)


def prepare(record: Record, settings: Settings, exclusive: Container[str] = ()) -> Prepared:
    """Prepare one record.

    record (Record): As it was read; it is not changed.
    settings (Settings): What to do.
    exclusive (Container[str]): Names of the heads that take exactly one label.
    RETURNS (Prepared): The record to use.
    """
    prepared = Prepared(record, record)
    if record.cats:
        _prepare_heads(prepared, exclusive)
    if record.lost:
        _report_lost(prepared)
    simple = settings.reading == AS_IS and not settings.trim and not settings.steps
    if not simple or not _is_plain(record.spans or (), len(record.text)):
        _prepare_spans(prepared, settings)
    return prepared


def _is_plain(spans: Sequence[SpanTuple], length: int) -> bool:
    """RETURNS (bool): Whether spans follow each other inside the text, as they mostly do."""
    position = 0
    for start, end, _label in spans:
        if start < position or end <= start:
            return False
        position = end
    return position <= length


def _prepare_heads(prepared: Prepared, exclusive: Container[str]) -> None:
    """Leave out heads whose gold value cannot be."""
    record = prepared.record
    for head, value in record.cats.items():
        facts = list(exclusive_facts(head, value)) if head in exclusive else []
        if not is_head_name(head):
            facts = [f"the head name '{head}' is empty or has a '/' in it; rename the head"]
        for fact in facts:
            cats = {name: v for name, v in prepared.record.cats.items() if name != head}
            prepared.record = replace(prepared.record, cats=cats)
            prepared.changes.append(_change(record, "head", "gold value", fact))


def _report_lost(prepared: Prepared) -> None:
    record = prepared.record
    prepared.changes += [_change(record, "span", LOST, fact) for fact in record.lost]
    prepared.record = replace(record, unknown=[(0, len(record.text))])


def _change(
    record: Record, unit: Unit, reason: str, fact: str, span: SpanTuple | None = None
) -> Change:
    place = (record.source, record.line, record.id)
    return Change(unit, "dropped", reason, fact, *place, error=True, span=span)


def _prepare_spans(prepared: Prepared, settings: Settings) -> None:
    record = prepared.record
    spans = list(_inside(prepared, settings.reading))
    if settings.steps:
        spans = _normalise(prepared, spans, settings.steps)
    if settings.trim:
        spans = _trim(prepared, spans)
    chosen = _without_copies(prepared, spans)
    if has_overlaps([span.now for span in chosen]):
        chosen = _without_overlaps(prepared, chosen, settings)
    for span in chosen:
        if span.outcome != "kept":
            place = (record.source, record.line, record.id)
            fact = f"span {list(span.was)} became {list(span.now)}: {span.reason}"
            prepared.changes.append(
                Change("span", span.outcome, span.reason, fact, *place, span=span.was, to=span.now)
            )
    if record.spans is not None:
        prepared.record = replace(prepared.record, spans=[span.now for span in chosen])


def _inside(prepared: Prepared, reading: Reading) -> Iterator[_Span]:
    """The spans that are inside the text, in code points."""
    record = prepared.record
    for start, end, label in record.spans or ():
        new = reading.apply(record.text, start, end)
        if new is None:
            shown = "" if reading == AS_IS else f", read as {reading}"
            fact = span_fact((start, end, label), len(record.text)) or (
                f"span [{start}, {end}, '{label}'] is not in the text"
            )
            change = _change(record, "span", OUTSIDE, fact + shown, (start, end, label))
            prepared.changes.append(change)
            # Nobody knows where this entity is: nothing but the other entities is known.
            prepared.record = replace(prepared.record, unknown=[(0, len(record.text))])
            continue
        span = _Span((start, end, label), (start, end, label))
        span.move(*new, "moved", f"{OFFSETS}: {reading}")
        yield span


def _normalise(prepared: Prepared, spans: list[_Span], steps: Sequence[str]) -> list[_Span]:
    """Put spans on the normalised text. They keep their places in the original: none has moved."""
    record = prepared.record
    result = normalise(record.text, steps)
    if result.text == record.text:
        return spans
    unknown = [result.to_normalised(*found) for found in record.unknown]
    prepared.record = replace(prepared.record, text=result.text, unknown=unknown, surfaces={})
    prepared.normalised = result
    kept = []
    for span in spans:
        start, end = result.to_normalised(*span.now[:2])
        if start == end:
            _drop(prepared, span, NOTHING, "nothing of it is left after normalisation")
        else:
            span.now = start, end, span.now[2]
            kept.append(span)
    return kept


def _trim(prepared: Prepared, spans: list[_Span]) -> list[_Span]:
    kept = []
    for span in spans:
        start, end = trim(prepared.record.text, *span.now[:2])
        if start == end:
            _drop(prepared, span, NOTHING, "there is nothing visible in it")
        else:
            span.move(start, end, "trimmed", TRIMMED)
            kept.append(span)
    return kept


def _without_copies(prepared: Prepared, spans: list[_Span]) -> list[_Span]:
    _, copies = unique([span.now for span in spans])
    if not copies:
        return spans
    kept: dict[SpanTuple, _Span] = {}
    for span in spans:
        if span.now in kept:
            _drop(prepared, span, COPY, "it is there twice")
        else:
            kept[span.now] = span
    return list(kept.values())


def _without_overlaps(prepared: Prepared, spans: list[_Span], settings: Settings) -> list[_Span]:
    _, dropped = resolve([span.now for span in spans], settings.overlap, settings.priority)
    by_span = {span.now: span for span in spans}
    for now in dropped:
        if settings.overlap == "spans":
            by_span[now].outcome, by_span[now].reason = "moved", SPAN_GROUP
            continue
        others = sorted(other for other in by_span if other != now and overlap(now, other))
        fact = f"overlapping spans {list(now)} and {', '.join(str(list(o)) for o in others)}"
        error = settings.overlap == "error"
        _drop(prepared, by_span[now], f"{OVERLAP}: {settings.overlap}", fact, error)
    left_out = set() if settings.overlap == "spans" else set(dropped)
    return [span for span in spans if span.now not in left_out]


def _drop(prepared: Prepared, span: _Span, reason: str, fact: str, error: bool = False) -> None:
    """Report a span that is left out; its characters become unknown unless another covers them."""
    record = prepared.record
    text = fact if reason.startswith(OVERLAP) else f"span {list(span.was)}: {fact}"
    place = (record.source, record.line, record.id)
    change = Change("span", "dropped", reason, text, *place, error=error, span=span.was)
    prepared.changes.append(change)
    if reason not in (COPY, NOTHING):
        unknown = [*record.unknown, span.now[:2]]
        prepared.record = replace(record, unknown=unknown)
