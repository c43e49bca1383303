"""Customer service of parts that are running already: the engine reads what a user says, the
knowledge base answers, rules decide."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from ..apps.desk.desk import GREETING, NOTHING, Outcome, check_heads, decide, missed
from ..apps.desk.rules import Rules, read_rules
from ..apps.faq import Faq, Reply
from ..apps.faq.searcher import CANDIDATES
from ..errors import XinzhiError
from ..plain import ResultOptions, to_plain
from .batching import Plan
from .engine import Engine, check_failures
from .models import LoadedModel
from .problems import Problem
from .resident import Replaceable, Resident, content

logger = logging.getLogger("xinzhi.serving")


class FrontDesk:
    """Does what `Desk` does. A model of another version is used at once, rules when the file has
    changed; if these cannot be, the old ones go on.

    path (Path): The rules.
    engine (Engine): Runs the model.
    model (Callable): RETURNS the model of now; None: nothing says sentiment and entities.
    knowledge (Resident[Faq]): The knowledge base.
    """

    def __init__(
        self,
        path: Path,
        engine: Engine,
        model: Callable[[], LoadedModel | None],
        knowledge: Resident[Faq],
    ) -> None:
        self._path, self._engine, self._model, self._knowledge = path, engine, model, knowledge
        self._rules = Replaceable("desk", path, self._read_rules, content)
        self._greetings: WeakKeyDictionary[LoadedModel, dict[str, Any]] = WeakKeyDictionary()
        self._greeting = NOTHING

    async def load(self) -> None:
        """Read the rules; the engine runs.

        RAISES (XinzhiError): If they cannot be read, or look at a head that the model lacks.
        """
        await self._meet(self._model())
        self._rules.load()

    async def talk(
        self, texts: list[str], not_answered: int
    ) -> tuple[LoadedModel | None, list[Outcome]]:
        """Take the turns of a conversation; other callers get their turn in between.

        texts, not_answered: See `Desk.talk`.
        RETURNS (tuple): The model, and the outcome of each turn.
        RAISES (Problem): See `Background` and `check_failures`; 503 if the model, another one than
            before, has not what the rules look at.
        """
        model = self._model()
        await self._meet(model)
        rules = self._checked_rules()
        outcomes = []
        for text, said in zip(texts, await self._read(model, texts), strict=True):
            reply = await self._knowledge.run(partial(_ask, text))
            outcomes.append(decide(rules, text, said, reply, not_answered))
            not_answered = missed(reply, not_answered)
        return model, outcomes

    async def _meet(self, model: LoadedModel | None) -> None:
        """Find out what heads a model has, once."""
        if model is not None and model not in self._greetings:
            (self._greetings[model],) = await self._read(model, [GREETING])
        self._greeting = NOTHING if model is None else self._greetings[model]

    async def _read(self, model: LoadedModel | None, texts: list[str]) -> list[dict[str, Any]]:
        """RETURNS (list): What the model says of texts, see `to_plain`."""
        if model is None:
            return [NOTHING] * len(texts)
        plan = Plan(model)
        show = partial(to_plain, options=ResultOptions())
        results = await self._engine.submit(texts, plan, show)
        check_failures(plan, results)
        return results

    def _read_rules(self) -> Rules:
        rules = read_rules(self._path)
        check_heads(rules, self._greeting)
        return rules

    def _checked_rules(self) -> Rules:
        rules = self._rules.get()
        try:
            check_heads(rules, self._greeting)
        except XinzhiError as err:
            logger.error("the rules do not fit", extra={"facts": {"reason": err.fact}})
            raise Problem(503, "desk_not_ready", err.fact) from err
        return rules


def _ask(text: str, faq: Faq) -> Reply:
    return faq.ask(text, CANDIDATES)
