"""The client: answers, other tries, errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from xinzhi import client as module
from xinzhi.client import AsyncClient, Client, ServiceError, pause
from xinzhi.errors import XinzhiError

URL = "http://127.0.0.1:1"
Answer = Callable[[httpx.Request], httpx.Response]


def result_of(text: str) -> dict[str, Any]:
    return {"length": len(text), "entities": []}


def service(request: httpx.Request) -> httpx.Response:
    """A stand-in that answers as the service does."""
    if request.headers.get("content-type") == "application/x-ndjson":
        lines = [json.loads(line) for line in request.content.splitlines()]
        answers = [{"id": line["id"], **result_of(line["text"])} for line in lines]
        return httpx.Response(200, content="\n".join(json.dumps(a) for a in answers))
    query = json.loads(request.content)
    return httpx.Response(200, json={"model": {}, "results": [result_of(query["text"])]})


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """No test really waits; the list says how long it would have."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(module.time, "sleep", waited.append)
    monkeypatch.setattr(module.asyncio, "sleep", sleep)
    return waited


def both(answer: Answer, call: Callable[[Any], Any], **options: Any) -> list[Any]:
    """What the plain and the asyncio client return."""

    async def later() -> Any:
        async with AsyncClient(URL, transport=httpx.MockTransport(answer), **options) as client:
            made = call(client)
            return [item async for item in made] if hasattr(made, "__aiter__") else await made

    with Client(URL, transport=httpx.MockTransport(answer), **options) as client:
        made = call(client)
        now = list(made) if hasattr(made, "__next__") else made
    return [now, asyncio.run(later())]


def test_calls() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return service(request)

    def ask(client: Any) -> Any:
        return client.analyze("杭州", heads=["a"])

    assert both(answer, ask, api_key="k", model="m") == [result_of("杭州")] * 2
    assert seen[0].headers["authorization"] == "Bearer k"
    assert json.loads(seen[0].content) == {"text": "杭州", "model": "m", "heads": ["a"]}


def test_questions_to_the_knowledge_base() -> None:
    reply = {"decision": "answer", "answers": [], "none": 0.1}

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/faq"
        assert json.loads(request.content) == {"text": "怎么办？", "k": 3}
        return httpx.Response(200, json=reply)

    assert both(answer, lambda c: c.ask("怎么办？", k=3), model="m") == [reply] * 2


def test_customer_service() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/desk"
        query = json.loads(request.content)
        texts = query.get("texts") or [query["text"]]
        missed = query.get("not_answered", 0)
        outcomes = [{"text": text, "missed": missed} for text in texts]
        return httpx.Response(200, json={"model": None, "outcomes": outcomes})

    assert both(answer, lambda c: c.desk("转人工", 1)) == [{"text": "转人工", "missed": 1}] * 2
    found = [{"text": text, "missed": 0} for text in ("在吗", "转人工")]
    assert both(answer, lambda c: c.talk(["在吗", "转人工"])) == [found] * 2


def test_recommendations() -> None:
    seen: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/recommend"
        seen.append(json.loads(request.content))
        return httpx.Response(200, json={"items": [{"id": "6"}]})

    assert both(answer, lambda c: c.recommend("居民1", k=1)) == [[{"id": "6"}]] * 2
    assert both(answer, lambda c: c.recommend(liked=["1", "2"])) == [[{"id": "6"}]] * 2
    assert both(answer, lambda c: c.recommend(text="想学做川菜")) == [[{"id": "6"}]] * 2
    assert seen[::2] == [
        {"user": "居民1", "k": 1},
        {"liked": ["1", "2"], "k": 10},
        {"text": "想学做川菜", "k": 10},
    ]


def test_many_texts_in_parts_and_in_order() -> None:
    texts = ["字" * (i % 7) for i in range(450)]
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url.query, "ascii"))
        return service(request)

    expected = [result_of(text) for text in texts]
    found = both(answer, lambda c: c.analyze_many(iter(texts), heads=["a", "b"]), model="m")
    assert found == [expected] * 2
    assert seen == ["model=m&heads=a%2Cb"] * 6


def test_tries_again_when_and_as_long_as_asked(pauses: list[float]) -> None:
    def make() -> Answer:
        steps: list[Any] = [
            429,
            httpx.ConnectError("refused"),
            503,
            httpx.ReadError("cut"),
            200,
        ] * 2

        def answer(request: httpx.Request) -> httpx.Response:
            step = steps.pop(0)
            if isinstance(step, Exception):
                raise step
            if step == 200:
                return service(request)
            return httpx.Response(step, headers={"Retry-After": "7"} if step == 429 else {})

        return answer

    assert both(make(), lambda c: c.analyze("杭州")) == [result_of("杭州")] * 2
    assert pauses[0] == pauses[4] == 7.0
    for attempt in (1, 2, 3):
        longest = module.FIRST_PAUSE * 2**attempt
        assert longest / 2 <= pauses[attempt] <= longest


def test_gives_up_with_the_reason(pauses: list[float]) -> None:
    problem = {"detail": "Too many texts are waiting.", "code": "queue_full"}

    def full(request: httpx.Request) -> httpx.Response:
        return httpx.Response(429, json=problem, headers={"Retry-After": "0"})

    with pytest.raises(ServiceError, match="429: Too many texts") as caught:
        both(full, lambda c: c.analyze("a"), retries=2)
    assert (caught.value.status, caught.value.problem) == (429, problem)
    assert pauses == [0.0, 0.0]

    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(ServiceError, match="gives no answer: ConnectError"):
        both(gone, lambda c: c.models(), retries=0)


@pytest.mark.parametrize("status", [400, 401, 413, 422, 500, 504])
def test_does_not_repeat_what_would_fail_again(status: int, pauses: list[float]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, text="no JSON")

    with pytest.raises(ServiceError, match=f"{status}: no JSON"):
        both(answer, lambda c: c.analyze("a"))
    assert pauses == []


def test_retry_after_as_a_date() -> None:
    later = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=20), usegmt=True)
    assert 17 < pause(0, later) <= 20
    assert pause(0, "9999") == module.LONGEST_PAUSE
    ago = format_datetime(datetime.now(timezone.utc) - timedelta(seconds=20), usegmt=True)
    assert pause(0, ago) == 0.0
    assert 17 < pause(0, later.replace("GMT", "-0000")) <= 20


@pytest.mark.parametrize("header", ["soon", "nan", "inf", "-3", "1e9", "", " "])
def test_retry_after_that_says_nothing(header: str) -> None:
    assert module.FIRST_PAUSE / 2 <= pause(0, header) <= module.FIRST_PAUSE


def test_texts_with_other_ends_of_lines() -> None:
    text = "第一行\u2028第二行\u2029\x85\x0c\r\n第三行"

    def answer(request: httpx.Request) -> httpx.Response:
        lines = [json.loads(line) for line in request.content.split(b"\n")]
        found = [{"id": line["id"], "text": line["text"]} for line in lines]
        content = "\n".join(json.dumps(a, ensure_ascii=False) for a in found) + "\n"
        return httpx.Response(200, content=content.encode())

    assert both(answer, lambda c: c.analyze_many([text] * 3)) == [[{"text": text}] * 3] * 2


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "htp://127.0.0.1", "http://a:b:c", ""])
def test_an_address_that_is_none(url: str, pauses: list[float]) -> None:
    with Client(url) as client, pytest.raises(ServiceError, match="Check the address") as caught:
        client.models()
    assert caught.value.status == 0

    async def later() -> None:
        async with AsyncClient(url) as client:
            await client.models()

    with pytest.raises(ServiceError, match="Check the address"):
        asyncio.run(later())
    assert pauses == []


def test_nobody_listens(pauses: list[float]) -> None:
    with Client(URL, retries=2) as client, pytest.raises(ServiceError, match="refused") as caught:
        client.analyze("a")
    assert URL in caught.value.fact
    assert len(pauses) == 2


def test_keys_from_files() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return service(request)

    both(answer, lambda c: c.analyze("a"), api_key="xz_key\n")
    assert seen == ["Bearer xz_key"] * 2
    for wrong in ("xz_key\nsecond", "密钥", "a b"):
        with pytest.raises(XinzhiError, match="no key has") as caught:
            Client(URL, wrong)
        assert wrong not in str(caught.value)
