"""Rules: what decides, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from xinzhi.apps.desk import read_rules
from xinzhi.apps.desk.rules import Condition, Signals
from xinzhi.errors import XinzhiError

RULES = Path(__file__).parents[3] / "assets" / "desk" / "rules.yml"
TWICE = "not understood twice"
CALM, ANGRY = {"negative": 0.2, "neutral": 0.8}, {"negative": 0.95, "neutral": 0.05}


@pytest.mark.parametrize(
    ("signals", "route", "urgent", "rule"),
    [
        (Signals("租房提取公积金", "answer", 0.9, CALM), "answer", False, "answered"),
        (Signals("公积金", "clarify", 0.4, CALM), "clarify", False, "two are close"),
        (Signals("讲个笑话", "none", 0.1, CALM, not_answered=1), "clarify", False, "no answer"),
        (
            Signals("再讲", "none", 0.1, CALM, not_answered=2),
            "person",
            False,
            TWICE,
        ),
        (
            Signals("嗯", "clarify", 0.4, CALM, not_answered=3),
            "person",
            False,
            TWICE,
        ),
        (Signals("我要转人工", "answer", 0.9, CALM), "person", False, "asks for a person"),
        (Signals("气死我了", "answer", 0.9, ANGRY), "person", True, "strongly negative"),
        (Signals("气死我了", "none", 0.1, ANGRY), "person", True, "strongly negative"),
        (Signals("气死我了", "answer", 0.9, CALM), "answer", False, "answered"),
        (Signals("不太满意", "answer", 0.9, ANGRY), "answer", False, "answered"),
        (Signals("家里漏气了", "answer", 0.9, CALM), "person", True, "danger"),
        (Signals("家里漏气了", "answer", 0.9), "person", True, "danger"),
        (Signals("", "none"), "clarify", False, "no answer"),
    ],
)
def test_routes_of_the_bundled_rules(signals: Signals, route: str, urgent: bool, rule: str) -> None:
    decided = read_rules(RULES).decide(signals)
    assert (decided.route, decided.urgent, decided.name) == (route, urgent, rule)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({}, True),
        ({"words": ("VIP", "x")}, True),
        ({"words": ("x",)}, False),
        ({"intent": ("医保", "社保")}, True),
        ({"intent": ("社保",)}, False),
        ({"sentiment": "negative", "sentiment_at_least": 0.7}, True),
        ({"sentiment": "negative", "sentiment_at_least": 0.71}, False),
        ({"sentiment": "sad"}, False),
        ({"answer_below": 0.7}, True),
        ({"answer_below": 0.6}, False),
        ({"not_answered": 1}, False),
        ({"reply": ("answer",), "words": ("x",)}, False),
    ],
)
def test_conditions(condition: dict[str, Any], holds: bool) -> None:
    signals = Signals("我是vip", "answer", 0.6, {"negative": 0.7}, "医保")
    assert Condition(**condition).holds(signals) is holds


LAST = "- {name: rest, route: clarify}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sentiment_head: s", "has no rules"),
        ("rules: []", "has no rules"),
        ("rules: [3]", "rule 1 is 3"),
        ("rule: []", "'rule' is no setting"),
        ("sentiment_head: 3\nrules:\n" + LAST, "'sentiment_head' is 3"),
        (
            "rules:\n- {name: a, route: fax}",
            "('a'): the name is missing, or the route is 'fax'",
        ),
        ("rules:\n- {route: person}", "rule 1: the name is missing"),
        ("rules:\n- {name: a, route: person, urgent: very}", "'urgent' is 'very'"),
        ("rules:\n- {name: a, route: person, if: {}}", "'if' is no setting"),
        ("rules:\n- {name: a, route: person, when: {word: [x]}}", "'word' is no setting"),
        ("rules:\n- {name: a, route: person, when: {words: x}}", "'words' is 'x'"),
        ("rules:\n- {name: a, route: person, when: [x]}", "'when' is ['x']"),
        ("rules:\n- {name: a, route: person, when: {reply: [no]}}", "a reply is never 'no'"),
        ("rules:\n- {name: a, route: person, when: {reply: [never]}}", "a reply is never 'never'"),
        (
            "rules:\n- {name: a, route: person, when: {sentiment: n, sentiment_at_least: 90}}",
            "sentiment_at_least = 90.0 is out of range",
        ),
        ("rules:\n- {name: a, route: person, when: {sentiment_at_least: 0.9}}", "of what?"),
        ("rules:\n- {name: a, route: answer}", "answers even if there is no answer"),
        (
            "rules:\n- {name: a, route: answer, when: {reply: [answer, none]}}\n" + LAST,
            "answers even if there is no answer",
        ),
        ("rules:\n" + LAST + "\n- {name: b, route: person}", "so those below never"),
        (
            "rules:\n- {name: a, route: person, when: {words: [x]}}",
            "the last rule ('a') has conditions",
        ),
        (
            "rules:\n- {name: rest, route: person, when: {words: [x]}}\n" + LAST,
            "two rules are called",
        ),
        ("rules: [", "is not YAML"),
    ],
)
def test_bad_rules(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "rules.yml"
    path.write_text(text, encoding="utf8")
    with pytest.raises(XinzhiError) as info:
        read_rules(path)
    assert words in str(info.value)
    assert str(path) in str(info.value)


def test_no_rules(tmp_path: Path) -> None:
    with pytest.raises(XinzhiError, match="cannot be read"):
        read_rules(tmp_path / "none.yml")
