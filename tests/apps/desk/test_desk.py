"""One call gives everything; conversations are judged turn by turn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc

from xinzhi.apps.desk import Desk, read_rules
from xinzhi.apps.desk.desk import intents_of
from xinzhi.apps.desk.transcript import Turn, judge_transcript, read_transcript, run_transcript
from xinzhi.apps.faq import Faq, Reply
from xinzhi.errors import XinzhiError

from ..conftest import WriteLines

ASSETS = Path(__file__).parents[3] / "assets" / "desk"
RULES = read_rules(ASSETS / "rules.yml")


@Language.component("test_mood")
def mood(doc: Doc) -> Doc:
    """Negative if somebody shouts."""
    strength = 0.95 if "！" in doc.text else 0.1
    doc.cats = {"sentiment/negative": strength, "sentiment/neutral": 1 - strength}
    return doc


@pytest.fixture(scope="session")
def pipeline() -> Language:
    nlp = spacy.blank("zh")
    nlp.add_pipe("test_mood")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "服务", "pattern": "医保卡"}])  # type: ignore[attr-defined]
    return nlp


@pytest.fixture(scope="session")
def desk(built: Path, pipeline: Language) -> Desk:
    return Desk(Faq.load(built), RULES, pipeline)


def test_everything_in_one_call(desk: Desk) -> None:
    outcome = desk.ask("医保卡丢了怎么补办？")
    assert json.loads(json.dumps(outcome, ensure_ascii=False)) == outcome
    assert outcome["intent"] is not None
    assert outcome["intent"]["label"] == "医保"
    assert outcome["sentiment"] == {"label": "neutral", "probability": 0.9}
    assert [(e["text"], e["start"], e["label"]) for e in outcome["entities"]] == [
        ("医保卡", 0, "服务")
    ]
    assert outcome["reply"]["answers"][0]["id"] == "医保-2"
    assert len(outcome["reply"]["answers"]) == 3
    if outcome["route"] == "answer":
        assert outcome["say"] == "先打电话挂失，再到窗口补卡。"


def test_urgent_and_handed_over(desk: Desk) -> None:
    outcome = desk.ask("医保卡丢了，到底怎么补办！")
    assert (outcome["route"], outcome["urgent"], outcome["rule"]) == (
        "person",
        True,
        "strongly negative",
    )
    assert "人工" in outcome["say"]


def test_two_turns_without_an_answer(desk: Desk) -> None:
    routes = [outcome["route"] for outcome in desk.talk(["", "", ""])]
    assert routes == ["clarify", "person", "person"]


def test_intents_add_up() -> None:
    answers = [
        {"id": str(i), "question": "", "answer": "", "intent": name, "probability": value}
        for i, (name, value) in enumerate([("a", 0.3), ("b", 0.35), ("a", 0.2), ("", 0.1)])
    ]
    reply = Reply(decision="answer", answers=answers, none=0.05)  # type: ignore[typeddict-item]
    assert intents_of(reply) == {"a": pytest.approx(0.5), "b": 0.35}


def test_a_head_that_nothing_gives(built: Path, tmp_path: Path) -> None:
    with pytest.raises(XinzhiError, match="head 'sentiment', and no pipeline gives it"):
        Desk(Faq.load(built), RULES)
    path = tmp_path / "rules.yml"
    path.write_text("rules: [{name: all, route: person}]", encoding="utf8")
    outcome = Desk(Faq.load(built), read_rules(path)).ask("医保")
    assert outcome["sentiment"] is None
    assert outcome["entities"] == []
    path.write_text("intent_head: goal\nrules: [{name: all, route: person}]", encoding="utf8")
    with pytest.raises(XinzhiError, match="head 'goal'"):
        Desk(Faq.load(built), read_rules(path), spacy.blank("zh"))


def test_conversations_are_apart(desk: Desk) -> None:
    turns = [Turn(1, "a", ""), Turn(2, "b", ""), Turn(3, "a", "")]
    assert [o["route"] for o in run_transcript(desk, turns)] == ["clarify", "clarify", "person"]


def test_judged(desk: Desk) -> None:
    turns = [
        Turn(1, "a", "", {"route": "clarify", "urgent": False, "faq_id": "", "intent": ""}),
        Turn(2, "a", "", {"route": "clarify", "urgent": True, "sentiment": "negative"}),
    ]
    result = judge_transcript(turns, run_transcript(desk, turns))
    assert result["scores"]["route"] == {"right": 1, "turns": 2}
    assert result["scores"]["faq_id"] == {"right": 1, "turns": 1}
    assert result["routes"] == {"clarify": {"clarify": 1, "person": 1}}
    assert result["urgent"] == {"missed": 1, "false": 0}
    assert [(row["turn"], row["what"]) for row in result["mistakes"]] == [
        (2, "route"),
        (2, "urgent"),
        (2, "sentiment"),
    ]


def test_the_bundled_transcript() -> None:
    turns = read_transcript(ASSETS / "transcript.jsonl")
    assert len(turns) == 30
    assert {turn.expected["route"] for turn in turns} == {"answer", "clarify", "person"}
    asked = (ASSETS.parent / "faq" / "queries.jsonl").read_text(encoding="utf8")
    assert not [turn.text for turn in turns if turn.text in asked]


def test_bad_transcripts(write_lines: WriteLines) -> None:
    for lines, words in (
        ([], "has no turns"),
        ([{"expected": {}}], ":1: 'text' or 'expected' is missing"),
        ([{"text": "a", "expected": {"rout": "answer"}}], ":1: 'rout' is not known"),
        ([{"text": "a", "expected": {"route": "fax"}}], ":1: 'fax' is not known"),
    ):
        with pytest.raises(XinzhiError) as info:
            read_transcript(write_lines(*lines))
        assert words in str(info.value)
