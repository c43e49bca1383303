"""Bad requests among good ones: each gets its 4xx, the others their right answer."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from typing import Any

import httpx
import pytest

from xinzhi.serving.bodies import PIECE, Body, lines
from xinzhi.serving.problems import Problem
from xinzhi.serving.service import Service
from xinzhi.serving.settings import ServeSettings

from .util import code_of, ignore, run, scope_of

JSON = {"Content-Type": "application/json"}
GZIP = {**JSON, "Content-Encoding": "gzip"}
BOMB = gzip.compress(b" " * 50_000_000)
GOOD = json.dumps({"text": "杭州"}).encode()

MANY = b"1," * 500_000 + b"1"
MEMBERS = b",".join(b'"%x": 1' % i for i in range(200_000))

POISON: dict[str, tuple[bytes, dict[str, str], tuple[int, str]]] = {
    "a number for a text": (b'{"text": 1}', JSON, (422, "invalid_request")),
    "a list for a text": (b'{"text": ["a"]}', JSON, (422, "invalid_request")),
    "null": (b"null", JSON, (422, "invalid_request")),
    "both forms": (b'{"text": "a", "texts": ["a"]}', JSON, (422, "invalid_request")),
    "no text": (b'{"texts": []}', JSON, (422, "invalid_request")),
    "unknown option": (b'{"text": "a", "nope": 1}', JSON, (422, "invalid_request")),
    "wrong option": (b'{"text": "a", "offsets": "bytes"}', JSON, (422, "invalid_request")),
    "text for a flag": (b'{"text": "a", "alternatives": "yes"}', JSON, (422, "invalid_request")),
    "10 MB": (json.dumps({"text": "x" * 10**7}).encode(), JSON, (413, "body_too_large")),
    "long text": (json.dumps({"text": "杭" * 20001}).encode(), JSON, (413, "text_too_long")),
    "many texts": (json.dumps({"texts": ["a"] * 257}).encode(), JSON, (413, "too_many_texts")),
    "many numbers": (b'{"texts": [%s]}' % MANY, JSON, (422, "invalid_request")),
    "many members": (b'{"text": "a", %s}' % MEMBERS, JSON, (422, "invalid_request")),
    "lone surrogate": (b'{"text": "\\ud83d"}', JSON, (400, "invalid_json")),
    "low surrogate": (b'{"text": "a\\ude00b"}', JSON, (400, "invalid_json")),
    "deep JSON": (b"[" * 200_000, JSON, (400, "invalid_json")),
    "deep objects": (b'{"text":' * 100_000, JSON, (400, "invalid_json")),
    "invalid UTF-8": (b'{"text": "\xff\xfe"}', JSON, (400, "invalid_json")),
    "surrogate in UTF-8": (b'{"text": "\xed\xa0\x80"}', JSON, (400, "invalid_json")),
    "null byte": (b'{"text": "a\\u0000b"}', JSON, (422, "invalid_request")),
    "raw null byte": (b'{"text": "a\x00b"}', JSON, (400, "invalid_json")),
    "empty": (b"", JSON, (400, "invalid_json")),
    "NaN": (b'{"text": NaN}', JSON, (400, "invalid_json")),
    "huge number": (b'{"text": ' + b"9" * 10_000 + b"}", JSON, (400, "invalid_json")),
    "gzip bomb": (BOMB, GZIP, (413, "body_too_large")),
    "no gzip": (GOOD, GZIP, (400, "bad_gzip")),
    "cut gzip": (gzip.compress(GOOD)[:-9], GZIP, (400, "bad_gzip")),
    "two gzips": (gzip.compress(GOOD) * 2, GZIP, (400, "bad_gzip")),
    "brotli": (GOOD, {**JSON, "Content-Encoding": "br"}, (415, "unsupported_encoding")),
    "a form": (b"text=a", {"Content-Type": "application/x-www-form-urlencoded"}, (415, "not_json")),
    "no media type": (GOOD, {}, (415, "not_json")),
}


@pytest.mark.parametrize("name", POISON)
def test_poison_gets_its_4xx(name: str, ruled: str) -> None:
    body, headers, expected = POISON[name]

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        began = time.process_time()
        response = await client.post("/v1/analyze", content=body, headers=headers)
        assert time.process_time() - began < 1.5, "seconds for which others would wait"
        assert code_of(response) == expected
        assert len(response.content) < 2000, "the request is not sent back"

    run(ServeSettings(models={"m": ruled}), check)


def test_poison_among_good_requests(ruled: str) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        async def good(i: int) -> None:
            text = "第" * (i % 50) + "杭州"
            response = await client.post("/v1/analyze", json={"text": text})
            (entity,) = response.json()["results"][0]["entities"]
            assert (entity["start"], entity["text"]) == (i % 50, "杭州")

        async def bad(name: str) -> None:
            body, headers, expected = POISON[name]
            response = await client.post("/v1/analyze", content=body, headers=headers)
            assert code_of(response) == expected

        await asyncio.gather(*map(good, range(300)), *map(bad, POISON), *map(good, range(300)))

    run(ServeSettings(models={"m": ruled}), check)


def test_gzip_is_read(ruled: str) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        response = await client.post("/v1/analyze", content=gzip.compress(GOOD), headers=GZIP)
        assert response.json()["results"][0]["entities"][0]["text"] == "杭州"

    run(ServeSettings(models={"m": ruled}), check)


def test_a_text_the_pipeline_fails_on_fails_alone(
    poisonous: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        async def ask(text: str) -> httpx.Response:
            return await client.post("/v1/analyze", json={"text": text})

        responses = await asyncio.gather(*(ask(f"杭州{'毒' * (i == 7)}{i}") for i in range(20)))
        for i, response in enumerate(responses):
            if i == 7:
                assert code_of(response) == (500, "pipeline_failed")
                assert "secret" not in response.text
            else:
                assert response.json()["results"][0]["entities"][0]["text"] == "杭州"
        assert 'xinzhi_failed_texts_total{model="m",version="1.0.0"} 1.0' in (
            service.metrics.render().decode()
        )

    run(ServeSettings(models={"m": poisonous}), check)
    (record,) = [r for r in caplog.records if r.message == "the pipeline failed on a text"]
    assert record.facts["error"] == "ValueError"  # type: ignore[attr-defined]
    assert record.facts["characters"] == 4  # type: ignore[attr-defined]
    assert "毒" not in str(record.__dict__), "no text in the log"


def test_full_queue_deadline_and_disconnect(poisonous: str) -> None:
    limits = {"max_queue_texts": 4, "max_batch_texts": 1, "timeout_seconds": 1.0}

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        async def ask(text: str) -> httpx.Response:
            return await client.post("/v1/analyze", json={"text": text})

        responses = await asyncio.gather(*(ask("慢杭州") for _ in range(12)))
        statuses = sorted(response.status_code for response in responses)
        assert set(statuses) <= {200, 429, 504}
        assert 429 in statuses
        full = next(r for r in responses if r.status_code == 429)
        assert code_of(full) == (429, "queue_full")
        assert int(full.headers["retry-after"]) >= 1

        slow = [asyncio.ensure_future(ask("慢")) for _ in range(5)]
        late = [r for r in await asyncio.gather(*slow) if r.status_code == 504]
        assert late
        assert code_of(late[0]) == (504, "deadline")
        assert len(service.engine.queue) == 0, "what nobody waits for is not run"
        assert (await ask("杭州")).status_code == 200

    run(ServeSettings(models={"m": poisonous}, **limits), check)  # type: ignore[arg-type]


def test_a_client_that_goes_cancels_its_work(poisonous: str) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        app = client._transport.app  # type: ignore[attr-defined]
        gone = asyncio.Event()
        parts = iter(
            [{"type": "http.request", "body": json.dumps({"texts": ["慢"] * 20}).encode()}]
        )

        async def receive() -> Any:
            for part in parts:
                return part
            await gone.wait()
            return {"type": "http.disconnect"}

        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = scope_of(b"application/json")
        began = time.monotonic()
        call = asyncio.ensure_future(app(scope, receive, send))
        await asyncio.sleep(0.2)
        assert len(service.engine.queue) > 10
        gone.set()
        await call
        await asyncio.sleep(0.01)
        assert time.monotonic() - began < 5
        assert len(service.engine.queue) == 0
        assert sent[0]["status"] == 499

    run(ServeSettings(models={"m": poisonous}, max_batch_texts=1), check)


def parts_of(*bodies: bytes) -> Any:
    waiting = list(bodies)

    async def receive() -> Any:
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    return receive


def test_a_bomb_is_stopped_before_it_fills_memory() -> None:
    from starlette.datastructures import Headers

    body = Body(parts_of(BOMB), Headers({"content-encoding": "gzip"}), 1000)
    sizes = []

    async def read() -> None:
        async for part in body.parts():
            sizes.append(len(part))

    with pytest.raises(Problem, match="more than 1000 bytes"):
        asyncio.run(read())
    assert sum(sizes) <= 1001


def test_a_compressed_body_comes_in_pieces() -> None:
    from starlette.datastructures import Headers

    plain = bytes(range(256)) * 2000 + b"x" * 300_000
    packed = gzip.compress(plain)
    body = Body(
        parts_of(packed[:1000], b"", packed[1000:]), Headers({"content-encoding": "gzip"}), 10**6
    )

    async def read() -> list[bytes]:
        return [part async for part in body.parts()]

    parts = asyncio.run(read())
    assert b"".join(parts) == plain
    assert max(map(len, parts)) <= PIECE


@pytest.mark.parametrize("line", [b"\n", b"11\n"])
def test_a_bomb_of_lines_stops_nobody(line: bytes, ruled: str) -> None:
    """A stream of 64 MB of short lines is 64 KB as gzip: others must not wait for it."""
    bomb = gzip.compress(line * (60 * 2**20 // len(line)))
    gone = asyncio.Event()

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        app = client._transport.app  # type: ignore[attr-defined]
        parts = iter([{"type": "http.request", "body": bomb}])

        async def receive() -> Any:
            for part in parts:
                return part
            await gone.wait()
            return {"type": "http.disconnect"}

        scope = scope_of(b"application/x-ndjson", (b"content-encoding", b"gzip"))
        call = asyncio.ensure_future(app(scope, receive, ignore))
        longest = 0.0
        for _ in range(20):
            began = time.monotonic()
            await asyncio.sleep(0.01)
            assert (await client.get("/healthz")).status_code == 200
            longest = max(longest, time.monotonic() - began)
        gone.set()
        await call
        assert longest < 1, "seconds"

    run(ServeSettings(models={"m": ruled}), check)


@pytest.mark.parametrize(
    ("bodies", "expected"),
    [
        ((b"a\nb",), [b"a", b"b"]),
        ((b"a", b"b\r\n", b"\n\n", b"c\n"), [b"ab\r", b"c"]),
        ((b"12345678", b"9\nok\n"), [None, b"ok"]),
        ((b"123456789\nok",), [None, b"ok"]),
        ((b"12345", b"678", b"9999", b"\n", b"ok"), [None, b"ok"]),
        ((b"ok\n123456789",), [b"ok", None]),
        ((b"",), []),
    ],
)
def test_lines(bodies: tuple[bytes, ...], expected: list[bytes | None]) -> None:
    from starlette.datastructures import Headers

    async def read() -> list[bytes | None]:
        body = Body(parts_of(*bodies), Headers({}), 1000)
        return [line async for line in lines(body.parts(), 8)]

    assert asyncio.run(read()) == expected
