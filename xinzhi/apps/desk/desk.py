"""A turn of a user in, plain data out: what it says, the answer, and the route."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from ...errors import XinzhiError
from ...head_keys import group_cats
from ...plain import ResultOptions, to_plain
from ..faq import Faq, Reply
from ..faq.searcher import CANDIDATES
from .rules import Rules, Signals

if TYPE_CHECKING:
    from spacy.language import Language

SHOWN = 3  # answers
GREETING = "你好"  # tells which heads a pipeline has
NOTHING: dict[str, Any] = {"cats": {}, "entities": []}  # what is known without a pipeline


class Label(TypedDict):
    """A label and its probability."""

    label: str
    probability: float


class Outcome(TypedDict):
    """What a turn says and what to do: JSON values.

    text (str): The text.
    intent, sentiment (Label | None): The likeliest; None if nothing says.
    entities (list): As from `xinzhi.plain.to_plain`.
    reply (Reply): Of the knowledge base, with its best answers.
    route (str): "answer", "clarify" or "person".
    urgent (bool): A person should look at it at once.
    rule (str): Name of the rule that decided.
    say (str): What to say to the user.
    """

    text: str
    intent: Label | None
    sentiment: Label | None
    entities: list[dict[str, Any]]
    reply: Reply
    route: str
    urgent: bool
    rule: str
    say: str


class Desk:
    """Pipeline, knowledge base and rules.

    faq (Faq): The knowledge base.
    rules (Rules): The rules.
    pipeline (Language | None): Gives sentiment and entities, and intents if `rules` name a head.
    RAISES (XinzhiError): If the rules look at a head that the pipeline does not have.
    """

    def __init__(self, faq: Faq, rules: Rules, pipeline: Language | None = None) -> None:
        self.faq, self.rules, self.pipeline = faq, rules, pipeline
        check_heads(rules, self._read(GREETING))

    def ask(self, text: str, not_answered: int = 0) -> Outcome:
        """Take a turn.

        text (str): What the user says.
        not_answered (int): The turns of the conversation just before that had no answer.
        RETURNS (Outcome): What it says, and what to do.
        """
        reply = self.faq.ask(text, CANDIDATES)
        return decide(self.rules, text, self._read(text), reply, not_answered)

    def talk(self, texts: Sequence[str], not_answered: int = 0) -> list[Outcome]:
        """Take the turns of one conversation, in order.

        texts (Sequence[str]): The turns.
        not_answered (int): The turns just before them that had no answer.
        RETURNS (list[Outcome]): Of each.
        """
        outcomes = []
        for text in texts:
            outcomes.append(self.ask(text, not_answered))
            not_answered = missed(outcomes[-1]["reply"], not_answered)
        return outcomes

    def _read(self, text: str) -> dict[str, Any]:
        """RETURNS (dict): What the pipeline says of a text, see `to_plain`."""
        return NOTHING if self.pipeline is None else to_plain(self.pipeline(text), ResultOptions())


def check_heads(rules: Rules, said: Mapping[str, Any]) -> None:
    """Check that a pipeline gives what rules look at.

    rules (Rules): The rules.
    said (Mapping): What the pipeline says of `GREETING`, see `to_plain`.
    RAISES (XinzhiError): If a head is missing.
    """
    heads = group_cats(said["cats"], plain=rules.sentiment_head)
    wanted = [rules.intent_head] if rules.intent_head else []
    wanted += [rules.sentiment_head] if rules.looks_at_sentiment else []
    missing = [head for head in wanted if head not in heads]
    if missing:
        raise XinzhiError(
            f"The rules look at the head '{missing[0]}', and no pipeline gives it.",
            f"Name a pipeline that has it (this one: {', '.join(heads) or 'none'}).",
        )


def decide(
    rules: Rules, text: str, said: Mapping[str, Any], reply: Reply, not_answered: int
) -> Outcome:
    """Decide on a turn.

    rules (Rules): The rules.
    text (str): What the user says.
    said (Mapping): What the pipeline says of it: "cats" and "entities" of `to_plain`.
    reply (Reply): What the knowledge base says, with `CANDIDATES` answers.
    not_answered (int): See `Desk.ask`.
    RETURNS (Outcome): What the turn says, and what to do.
    """
    heads = group_cats(said["cats"], plain=rules.sentiment_head)
    sentiment = heads.get(rules.sentiment_head, {})
    intent = _likeliest(heads.get(rules.intent_head) or intents_of(reply))
    best = reply["answers"][0]["probability"] if reply["answers"] else 0.0
    label = intent["label"] if intent else ""
    misses = missed(reply, not_answered)
    rule = rules.decide(Signals(text, reply["decision"], best, sentiment, label, misses))
    answers = reply["answers"][:SHOWN]
    return Outcome(
        text=text,
        intent=intent,
        sentiment=_likeliest(sentiment),
        entities=said["entities"],
        reply=Reply(decision=reply["decision"], answers=answers, none=reply["none"]),
        route=rule.route,
        urgent=rule.urgent,
        rule=rule.name,
        say=rule.say or (answers[0]["answer"] if rule.route == "answer" else ""),
    )


def missed(reply: Reply, before: int) -> int:
    """RETURNS (int): The turns without an answer up to and with this one, in a row."""
    return 0 if reply["decision"] == "answer" else before + 1


def intents_of(reply: Reply) -> dict[str, float]:
    """RETURNS (dict): Intent -> probability, the sum over the entries that have it."""
    found: dict[str, float] = {}
    for answer in reply["answers"]:
        if answer["intent"]:
            found[answer["intent"]] = found.get(answer["intent"], 0.0) + answer["probability"]
    return found


def _likeliest(values: dict[str, float]) -> Label | None:
    """RETURNS (Label | None): The label of the highest probability; None without any."""
    if not values:
        return None
    label = max(values, key=values.__getitem__)
    return Label(label=label, probability=float(values[label]))
