"""Routing rules from a small YAML file, and the rule that decides on a turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import XinzhiError
from ...ranges import check_range
from ..settings_file import check_names, read_yaml

ROUTES = ("answer", "clarify", "person")
REPLIES = ("answer", "clarify", "none")


@dataclass(frozen=True)
class Signals:
    """What the rules look at.

    text (str): What the user says.
    reply (str): Of the knowledge base: "answer", "clarify" or "none".
    answer (float): Probability of its best answer.
    sentiment (Mapping): Label -> probability; empty if no pipeline gives any.
    intent (str): The intent; "" if there is none.
    not_answered (int): The turns without an answer up to here, this one included.
    """

    text: str
    reply: str
    answer: float = 0.0
    sentiment: Mapping[str, float] = field(default_factory=dict)
    intent: str = ""
    not_answered: int = 0


@dataclass(frozen=True)
class Condition:
    """All that is given must hold; without anything it always does.

    words (tuple[str, ...]): One of these is in the text, upper or lower case.
    reply (tuple[str, ...]): The reply of the knowledge base is one of these.
    intent (tuple[str, ...]): The intent is one of these.
    sentiment (str): This label ...
    sentiment_at_least (float): ... has at least this probability.
    answer_below (float): The best answer has a lower probability.
    not_answered (int): So many turns of the conversation in a row, with this one, had no answer.
    """

    words: tuple[str, ...] = ()
    reply: tuple[str, ...] = ()
    intent: tuple[str, ...] = ()
    sentiment: str = ""
    sentiment_at_least: float = 0.5
    answer_below: float = 1.01
    not_answered: int = 0

    def holds(self, signals: Signals) -> bool:
        """RETURNS (bool): Whether it holds."""
        text = signals.text.lower()
        strength = signals.sentiment.get(self.sentiment, 0.0)
        return (
            (not self.words or any(word.lower() in text for word in self.words))
            and (not self.reply or signals.reply in self.reply)
            and (not self.intent or signals.intent in self.intent)
            and (not self.sentiment or strength >= self.sentiment_at_least)
            and signals.answer < self.answer_below
            and signals.not_answered >= self.not_answered
        )


@dataclass(frozen=True)
class Rule:
    """What to do when a condition holds.

    name (str): Its name.
    route (str): "answer", "clarify" or "person": hand over to one.
    when (Condition): The condition.
    urgent (bool): A person should look at it at once.
    say (str): What to say to the user; "": the answer, if there is one.
    """

    name: str
    route: str
    when: Condition = Condition()
    urgent: bool = False
    say: str = ""


@dataclass(frozen=True)
class Rules:
    """Rules in order, and where the pipeline says what.

    rules (tuple[Rule, ...]): The first one whose condition holds decides; the last always holds.
    sentiment_head (str): Head of the pipeline.
    intent_head (str): Head of the pipeline; "": the intents of the entries.
    """

    rules: tuple[Rule, ...]
    sentiment_head: str = "sentiment"
    intent_head: str = ""

    def decide(self, signals: Signals) -> Rule:
        """RETURNS (Rule): The rule that decides."""
        return next(rule for rule in self.rules if rule.when.holds(signals))

    @property
    def looks_at_sentiment(self) -> bool:
        """RETURNS (bool): Whether a rule does."""
        return any(rule.when.sentiment for rule in self.rules)


def read_rules(path: Path) -> Rules:
    """Read rules.

    path (Path): A YAML file.
    RETURNS (Rules): The rules.
    RAISES (XinzhiError): If it cannot be read, something in it is unknown or of the wrong kind, a
        rule gives an answer when there may be none, or no rule is left for the rest.
    """
    content = read_yaml(path)
    check_names(content, ("rules", "sentiment_head", "intent_head"), str(path))
    listed = content.pop("rules", None)
    if not isinstance(listed, list) or not listed:
        raise XinzhiError(f"{path} has no rules.", "Write a list under 'rules:'.")
    heads = {name: _value(content[name], str, f"{path}: '{name}'") for name in content}
    rules = tuple(_rule(item, f"{path}: rule {n}") for n, item in enumerate(listed, start=1))
    _check(rules, path)
    return Rules(rules, **heads)


def _rule(given: Any, place: str) -> Rule:
    if not isinstance(given, dict):
        raise XinzhiError(f"{place} is {given!r}.", "Write name, when, route.")
    check_names(given, Rule.__dataclass_fields__, place)
    name = _value(given.get("name", ""), str, f"{place}: 'name'")
    place = f"{place} ('{name}')" if name else place
    route = given.get("route")
    if not name or route not in ROUTES:
        raise XinzhiError(
            f"{place}: the name is missing, or the route is {route!r}.",
            f"Give it a name, and a route: {', '.join(ROUTES)}.",
        )
    return Rule(
        name,
        route,
        _condition(given.get("when", {}), place),
        _value(given.get("urgent", False), bool, f"{place}: 'urgent'"),
        _value(given.get("say", ""), str, f"{place}: 'say'"),
    )


def _condition(given: Any, place: str) -> Condition:
    if not isinstance(given, dict):
        raise XinzhiError(f"{place}: 'when' is {given!r}.", "Write conditions by name.")
    fields = Condition.__dataclass_fields__
    check_names(given, fields, place)
    kinds: dict[str, Any] = {name: type(fields[name].default) for name in given}
    values = {name: _value(given[name], kinds[name], f"{place}: '{name}'") for name in given}
    for name in set(values) & {"sentiment_at_least", "answer_below"}:
        check_range(f"{place}: {name}", values[name], 0.0, 1.0)
    unknown = set(values.get("reply", ())) - set(REPLIES)
    if unknown:
        raise XinzhiError(
            f"{place}: a reply is never {unknown.pop()!r}.", f"Use {', '.join(REPLIES)}."
        )
    if "sentiment_at_least" in values and not values.get("sentiment"):
        raise XinzhiError(f"{place}: 'sentiment_at_least' of what?", "Add 'sentiment: LABEL'.")
    return Condition(**values)


def _value(value: Any, kind: type, place: str) -> Any:
    """RETURNS (Any): A value of a kind; a list of texts becomes a tuple."""
    if kind is tuple:
        if isinstance(value, list) and value and all(isinstance(v, str) and v for v in value):
            return tuple(value)
        raise XinzhiError(f"{place} is {value!r}.", "Write a list of texts, [a, b].")
    value = float(value) if kind is float and type(value) is int else value
    if type(value) is not kind:
        raise XinzhiError(f"{place} is {value!r}.", f"Write a {kind.__name__}.")
    return value


def _check(rules: tuple[Rule, ...], path: Path) -> None:
    names = [rule.name for rule in rules]
    for number, rule in enumerate(rules, start=1):
        if names.index(rule.name) != number - 1:
            raise XinzhiError(f"{path}: two rules are called '{rule.name}'.", "Rename one.")
        if rule.route == "answer" and (not rule.when.reply or "none" in rule.when.reply):
            raise XinzhiError(
                f"{path}: rule {number} ('{rule.name}') answers even if there is no answer.",
                "Add 'reply: [answer]' to its 'when'.",
            )
        if rule.when == Condition() and number < len(rules):
            raise XinzhiError(
                f"{path}: rule {number} ('{rule.name}') always holds, so those below never do.",
                "Move it to the end.",
            )
    if rules[-1].when != Condition():
        raise XinzhiError(
            f"{path}: the last rule ('{rules[-1].name}') has conditions: some turns have no rule.",
            "Add one without 'when' at the end.",
        )
