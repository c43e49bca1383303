"""Conversations with what should have been done, and how a desk does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import XinzhiError
from ..json_lines import read_records
from .desk import Desk, Outcome
from .rules import ROUTES

JUDGED = ("route", "urgent", "faq_id", "intent", "sentiment")


@dataclass(frozen=True)
class Turn:
    """What a user said.

    number (int): From 1.
    conversation (str): Turns of one conversation follow each other.
    text (str): The text.
    expected (dict): Some of JUDGED: what is right.
    """

    number: int
    conversation: str
    text: str
    expected: dict[str, Any] = field(default_factory=dict)


def read_transcript(path: Path) -> list[Turn]:
    """Read a transcript: {"conversation", "text", "expected": {"route", "urgent", ...}} a line.

    path (Path): The file.
    RETURNS (list[Turn]): Its turns.
    RAISES (XinzhiError): If it cannot be read, is empty, or something in it is unknown.
    """
    turns: list[Turn] = []
    for line, record in read_records(path):
        place = f"{path}:{line}"
        text, expected = record.get("text"), record.get("expected", {})
        if not isinstance(text, str) or not isinstance(expected, dict):
            raise XinzhiError(f"{place}: 'text' or 'expected' is missing.", "Correct the line.")
        unknown = [name for name in expected if name not in JUDGED]
        if unknown or expected.get("route", ROUTES[0]) not in ROUTES:
            raise XinzhiError(
                f"{place}: '{unknown[0] if unknown else expected['route']}' is not known.",
                f"Use {', '.join(JUDGED)}; routes are {', '.join(ROUTES)}.",
            )
        turns.append(Turn(len(turns) + 1, str(record.get("conversation", "")), text, expected))
    if not turns:
        raise XinzhiError(f"{path} has no turns.", 'Write {"text", "expected"} a line.')
    return turns


def run_transcript(desk: Desk, turns: Sequence[Turn]) -> list[Outcome]:
    """RETURNS (list[Outcome]): Of every turn; each conversation starts anew."""
    conversations: dict[str, list[Turn]] = {}
    for turn in turns:
        conversations.setdefault(turn.conversation, []).append(turn)
    found: dict[int, Outcome] = {}
    for own in conversations.values():
        outcomes = desk.talk([turn.text for turn in own])
        found |= {turn.number: outcome for turn, outcome in zip(own, outcomes, strict=True)}
    return [found[turn.number] for turn in turns]


def judge_transcript(turns: Sequence[Turn], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Compare with what is expected.

    turns (Sequence[Turn]): The turns.
    outcomes (Sequence[Outcome]): Of the turns.
    RETURNS (dict): "scores": name -> "right" and "turns"; "routes": how often each expected route
        became which; "urgent": "missed" and "false"; "mistakes": turn, text, name, expected, got.
    """
    right: Counter[str] = Counter()
    judged: Counter[str] = Counter()
    routes: dict[str, Counter[str]] = {}
    mistakes = []
    for turn, outcome in zip(turns, outcomes, strict=True):
        got = observed(outcome)
        if "route" in turn.expected:
            routes.setdefault(turn.expected["route"], Counter())[got["route"]] += 1
        for name, wanted in turn.expected.items():
            judged[name] += 1
            right[name] += got[name] == wanted
            if got[name] != wanted:
                row = {"turn": turn.number, "text": turn.text, "what": name}
                mistakes.append({**row, "expected": wanted, "got": got[name]})
    urgent = [row["expected"] for row in mistakes if row["what"] == "urgent"]
    return {
        "scores": {name: {"right": right[name], "turns": judged[name]} for name in judged},
        "routes": {name: dict(counts) for name, counts in routes.items()},
        "urgent": {"missed": urgent.count(True), "false": urgent.count(False)},
        "mistakes": mistakes,
    }


def observed(outcome: Outcome) -> dict[str, Any]:
    """RETURNS (dict): What is judged of an outcome. An entry counts whenever the knowledge base
    offers one, also if a rule hands the turn to a person."""
    reply, sentiment, intent = outcome["reply"], outcome["sentiment"], outcome["intent"]
    return {
        "route": outcome["route"],
        "urgent": outcome["urgent"],
        "faq_id": "" if reply["decision"] == "none" else reply["answers"][0]["id"],
        "intent": intent["label"] if intent else "",
        "sentiment": sentiment["label"] if sentiment else "",
    }
