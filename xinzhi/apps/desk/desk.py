"""A turn of a user in, plain data out: what it says, the answer, and the route."""

from __future__ import annotations

from collections.abc import Sequence
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
        heads = self._read("你好")[0]
        wanted = [rules.intent_head] if rules.intent_head else []
        wanted += [rules.sentiment_head] if rules.looks_at_sentiment else []
        missing = [head for head in wanted if head not in heads]
        if missing:
            raise XinzhiError(
                f"The rules look at the head '{missing[0]}', and no pipeline gives it.",
                f"Name a pipeline that has it (this one: {', '.join(heads) or 'none'}).",
            )

    def ask(self, text: str, not_answered: int = 0) -> Outcome:
        """Take a turn.

        text (str): What the user says.
        not_answered (int): The turns of the conversation just before that had no answer.
        RETURNS (Outcome): What it says, and what to do.
        """
        heads, entities = self._read(text)
        reply = self.faq.ask(text, CANDIDATES)
        sentiment = heads.get(self.rules.sentiment_head, {})
        intents = heads.get(self.rules.intent_head) or intents_of(reply)
        intent = _likeliest(intents)
        best = reply["answers"][0]["probability"] if reply["answers"] else 0.0
        missed = 0 if reply["decision"] == "answer" else not_answered + 1
        label = intent["label"] if intent else ""
        signals = Signals(text, reply["decision"], best, sentiment, label, missed)
        rule = self.rules.decide(signals)
        answers = reply["answers"][:SHOWN]
        say = rule.say or (answers[0]["answer"] if rule.route == "answer" else "")
        return Outcome(
            text=text,
            intent=intent,
            sentiment=_likeliest(sentiment),
            entities=entities,
            reply=Reply(decision=reply["decision"], answers=answers, none=reply["none"]),
            route=rule.route,
            urgent=rule.urgent,
            rule=rule.name,
            say=say,
        )

    def talk(self, texts: Sequence[str]) -> list[Outcome]:
        """Take the turns of one conversation, in order."""
        missed = 0
        outcomes = []
        for text in texts:
            outcomes.append(self.ask(text, missed))
            missed = 0 if outcomes[-1]["reply"]["decision"] == "answer" else missed + 1
        return outcomes

    def _read(self, text: str) -> tuple[dict[str, dict[str, float]], list[dict[str, Any]]]:
        """RETURNS (tuple): Heads of the pipeline with their probabilities, and entities."""
        if self.pipeline is None:
            return {}, []
        doc = self.pipeline(text)
        heads = group_cats(doc.cats, plain=self.rules.sentiment_head)
        return heads, to_plain(doc, ResultOptions())["entities"]


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
