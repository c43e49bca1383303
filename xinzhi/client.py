"""Calling the service of `xinzhi serve`, from plain and from asyncio programs.

with Client("http://127.0.0.1:8000", api_key="xz_…") as client:
    for entity in client.analyze("杭州上线一网通办")["entities"]:
        print(entity["text"], entity["label"])
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Generator, Iterable, Iterator
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Any

from .compat import require
from .errors import XinzhiError

httpx = require("httpx", "'xinzhi[client]'", "xinzhi.client")

ERRORS = (httpx.RequestError, httpx.InvalidURL)
NEVER_SENT = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL)
TRY_AGAIN = {408, 429, 502, 503}  # 504 is not among them: the same text would be late again
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 60.0
LINES_PER_REQUEST = 200

# A step is a request to send (the answer or the transport's error comes back) or seconds to wait.
Steps = Generator[Any, Any, Any]


class ServiceError(XinzhiError):
    """The service has refused a request, or could not be reached.

    fact, next_step (str): See XinzhiError.
    status (int): The HTTP status; 0 if there was no answer.
    problem (dict): The problem object of the answer.
    """

    def __init__(self, fact: str, next_step: str, status: int, problem: dict[str, Any]) -> None:
        super().__init__(fact, next_step)
        self.status = status
        self.problem = problem


class Caller:
    """What both clients do, as steps that they take in their own way.

    url (str): Address of the service.
    model (str): Name of the model; None: the service's default.
    retries (int): How often a request is repeated.
    """

    def __init__(self, url: str, model: str | None, retries: int) -> None:
        self._url = url.rstrip("/")
        self._model = {} if model is None else {"model": model}
        self._retries = retries

    def analyze(self, text: str, options: dict[str, Any]) -> Steps:
        """Steps of `Client.analyze`."""
        query = {"text": text, **self._model, **options}
        return (yield from self._json("POST", "/v1/analyze", json=query))["results"][0]

    def analyze_lines(self, texts: list[str], options: dict[str, Any]) -> Steps:
        """Steps of one part of `Client.analyze_many`."""
        lines = [json.dumps({"id": i, "text": text}) for i, text in enumerate(texts)]
        listed = {k: ",".join(v) if isinstance(v, list) else v for k, v in options.items()}
        answer = yield from self._request(
            "POST",
            "/v1/analyze",
            params={**self._model, **listed},
            content="\n".join(lines).encode(),
            headers={"Content-Type": "application/x-ndjson"},
        )
        # A text may hold U+2028 and the like, which str.splitlines takes for the end of a line.
        return [_without_id(line) for line in answer.content.splitlines()]

    def similar(self, text: str, candidates: list[str]) -> Steps:
        """Steps of `Client.similar`."""
        query = {"text": text, "candidates": candidates, **self._model}
        return (yield from self._json("POST", "/v1/similar", json=query))["results"]

    def ask(self, text: str, k: int) -> Steps:
        """Steps of `Client.ask`."""
        return (yield from self._json("POST", "/v1/faq", json={"text": text, "k": k}))

    def desk(self, text: str, not_answered: int) -> Steps:
        """Steps of `Client.desk`."""
        query = {"text": text, "not_answered": not_answered}
        return (yield from self._json("POST", "/v1/desk", json=query))["outcomes"][0]

    def talk(self, texts: list[str]) -> Steps:
        """Steps of `Client.talk`."""
        return (yield from self._json("POST", "/v1/desk", json={"texts": texts}))["outcomes"]

    def recommend(
        self, user: str | None, liked: list[str] | None, text: str | None, k: int
    ) -> Steps:
        """Steps of `Client.recommend`."""
        query = {"user": user, "liked": liked, "text": text, "k": k}
        given = {name: value for name, value in query.items() if value is not None}
        return (yield from self._json("POST", "/v1/recommend", json=given))["items"]

    def model(self) -> Steps:
        """Steps of `Client.model`."""
        return (yield from self._json("GET", "/v1/model", params=self._model))

    def models(self) -> Steps:
        """Steps of `Client.models`."""
        return (yield from self._json("GET", "/v1/models"))["models"]

    def _json(self, method: str, path: str, **options: Any) -> Steps:
        return (yield from self._request(method, path, **options)).json()

    def _request(self, method: str, path: str, **options: Any) -> Steps:
        """Send a request, again if that may help: every call only reads, so it may be repeated."""
        for attempt in range(self._retries + 1):
            outcome = yield {"method": method, "url": self._url + path, **options}
            failed = isinstance(outcome, Exception)
            if not failed and outcome.is_success:
                return outcome
            if isinstance(outcome, NEVER_SENT) if failed else outcome.status_code not in TRY_AGAIN:
                break
            if attempt < self._retries:
                yield pause(attempt, None if failed else outcome.headers.get("retry-after"))
        raise self._error(outcome)

    def _error(self, outcome: Any) -> ServiceError:
        if isinstance(outcome, Exception):
            fact = f"{self._url} gives no answer: {type(outcome).__name__}: {outcome}"
            return ServiceError(fact, "Check the address, and that the service runs.", 0, {})
        try:
            problem = outcome.json()
            detail = problem["detail"]
        except (ValueError, KeyError, TypeError):
            problem, detail = {}, outcome.text[:200]
        fact = f"{self._url} refuses the request with {outcome.status_code}: {detail}"
        return ServiceError(fact, "", outcome.status_code, problem)


def pause(attempt: int, retry_after: str | None) -> float:
    """How long to wait before another try: as the service asks, else longer each time.

    attempt (int): How many tries there were before the last one.
    retry_after (str): The header: seconds, or a date.
    RETURNS (float): Seconds.
    """
    asked = _seconds(retry_after or "")
    if asked is not None:
        return min(max(asked, 0.0), LONGEST_PAUSE)
    longest = min(FIRST_PAUSE * 2**attempt, LONGEST_PAUSE)
    return random.uniform(longest / 2, longest)  # so that clients do not come back all at once


def _seconds(retry_after: str) -> float | None:
    """RETURNS (float): What Retry-After asks for; None if it is neither a number nor a date."""
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        wanted = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    if wanted.tzinfo is None:  # -0000: Greenwich time, of a machine that is somewhere else
        wanted = wanted.replace(tzinfo=timezone.utc)
    return (wanted - datetime.now(timezone.utc)).total_seconds()


def _without_id(line: bytes) -> dict[str, Any]:
    result = json.loads(line)
    del result["id"]
    return result


def _parts(texts: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(texts)
    while part := list(islice(rest, LINES_PER_REQUEST)):
        yield part


def _headers(api_key: str | None) -> dict[str, str]:
    key = (api_key or "").strip()  # a key that was read from a file ends with the line
    if not key.isprintable() or not key.isascii() or " " in key:
        raise XinzhiError("The API key holds characters that no key has.", "Copy it anew.")
    return {"Authorization": f"Bearer {key}"} if key else {}


class _Connected:
    """How both clients are made; see `Client`."""

    _connect: Any  # httpx.Client or httpx.AsyncClient

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        model: str | None = None,
        retries: int = 5,
        timeout: float = 60.0,
        transport: Any = None,
    ) -> None:
        self._caller = Caller(url, model, retries)
        headers = _headers(api_key)
        self._http = self._connect(headers=headers, timeout=timeout, transport=transport)


class Client(_Connected):
    """Calls the service; may be used by several threads.

    url (str): Its address.
    api_key (str): The key, if it wants one.
    model (str): Name of the model; None: the service's default.
    retries (int): How often a request is repeated after a broken connection, and after 429, 503 and
        the like, when Retry-After says so.
    timeout (float): Seconds to wait for an answer.
    transport (BaseTransport): Of httpx, for tests.
    """

    _connect = httpx.Client

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def analyze(self, text: str, **options: Any) -> dict[str, Any]:
        """Analyze a text.

        text (str): The text.
        options (Any): components, heads, offsets, alternatives; see `POST /v1/analyze`.
        RETURNS (dict): length, entities, heads, cats, scores, …
        RAISES (ServiceError): If the service refuses it, or cannot be reached.
        """
        return self._take(self._caller.analyze(text, options))

    def analyze_many(self, texts: Iterable[str], **options: Any) -> Iterator[dict[str, Any]]:
        """Analyze any number of texts, some hundred at a time, as JSON Lines.

        texts (Iterable): The texts.
        options (Any): As for `analyze`.
        YIELDS (dict): What `analyze` returns, in order; {"problem": …} for a text that is refused.
        RAISES (ServiceError): If the service refuses all, or cannot be reached.
        """
        for part in _parts(texts):
            yield from self._take(self._caller.analyze_lines(part, options))

    def similar(self, text: str, candidates: list[str]) -> list[dict[str, Any]]:
        """RETURNS (list): index and score of each candidate, most similar first.

        RAISES (ServiceError): As `analyze`.
        """
        return self._take(self._caller.similar(text, candidates))

    def ask(self, text: str, k: int = 5) -> dict[str, Any]:
        """Ask the knowledge base that the service was started with (`--faq`).

        text (str): The question.
        k (int): Most answers to give.
        RETURNS (dict): decision ("answer", "clarify", "none"), answers, none.
        RAISES (ServiceError): As `analyze`.
        """
        return self._take(self._caller.ask(text, k))

    def desk(self, text: str, not_answered: int = 0) -> dict[str, Any]:
        """Take a turn with the customer service that the service was started with (`--desk`).

        text (str): What the user says.
        not_answered (int): The turns of the conversation just before that had no answer.
        RETURNS (dict): text, intent, sentiment, entities, reply, route, urgent, rule, say.
        RAISES (ServiceError): As `analyze`.
        """
        return self._take(self._caller.desk(text, not_answered))

    def talk(self, texts: list[str]) -> list[dict[str, Any]]:
        """RETURNS (list): What `desk` returns, for each turn of a conversation.

        RAISES (ServiceError): As `analyze`.
        """
        return self._take(self._caller.talk(texts))

    def recommend(
        self,
        user: str | None = None,
        *,
        liked: list[str] | None = None,
        text: str | None = None,
        k: int = 10,
    ) -> list[dict[str, Any]]:
        """Ask the recommender that the service was started with (`--recommend`): for one of these.

        user (str): A user of the training.
        liked (list): Ids of items that somebody new likes.
        text (str): What somebody wishes for; the service needs `recommend_encoder`.
        k (int): Most items to give.
        RETURNS (list): id, text and probability of each item, the best first.
        RAISES (ServiceError): As `analyze`; for an unknown user or item too.
        """
        return self._take(self._caller.recommend(user, liked, text, k))

    def model(self) -> dict[str, Any]:
        """RETURNS (dict): The model: meta, labels, scores, versions, thresholds."""
        return self._take(self._caller.model())

    def models(self) -> list[dict[str, Any]]:
        """RETURNS (list): The models that may be used."""
        return self._take(self._caller.models())

    def _take(self, steps: Steps) -> Any:
        outcome: Any = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as end:
                return end.value
            try:
                if isinstance(step, float):
                    time.sleep(step)
                else:
                    outcome = self._http.request(**step)
            except ERRORS as err:
                outcome = err


class AsyncClient(_Connected):
    """As `Client`, for asyncio."""

    _connect = httpx.AsyncClient

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *args: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def analyze(self, text: str, **options: Any) -> dict[str, Any]:
        """See `Client.analyze`."""
        return await self._take(self._caller.analyze(text, options))

    async def analyze_many(
        self, texts: Iterable[str], **options: Any
    ) -> AsyncIterator[dict[str, Any]]:
        """See `Client.analyze_many`."""
        for part in _parts(texts):
            for result in await self._take(self._caller.analyze_lines(part, options)):
                yield result

    async def similar(self, text: str, candidates: list[str]) -> list[dict[str, Any]]:
        """See `Client.similar`."""
        return await self._take(self._caller.similar(text, candidates))

    async def ask(self, text: str, k: int = 5) -> dict[str, Any]:
        """See `Client.ask`."""
        return await self._take(self._caller.ask(text, k))

    async def desk(self, text: str, not_answered: int = 0) -> dict[str, Any]:
        """See `Client.desk`."""
        return await self._take(self._caller.desk(text, not_answered))

    async def talk(self, texts: list[str]) -> list[dict[str, Any]]:
        """See `Client.talk`."""
        return await self._take(self._caller.talk(texts))

    async def recommend(
        self,
        user: str | None = None,
        *,
        liked: list[str] | None = None,
        text: str | None = None,
        k: int = 10,
    ) -> list[dict[str, Any]]:
        """See `Client.recommend`."""
        return await self._take(self._caller.recommend(user, liked, text, k))

    async def model(self) -> dict[str, Any]:
        """See `Client.model`."""
        return await self._take(self._caller.model())

    async def models(self) -> list[dict[str, Any]]:
        """See `Client.models`."""
        return await self._take(self._caller.models())

    async def _take(self, steps: Steps) -> Any:
        outcome: Any = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as end:
                return end.value
            try:
                if isinstance(step, float):
                    await asyncio.sleep(step)
                else:
                    outcome = await self._http.request(**step)
            except ERRORS as err:
                outcome = err
