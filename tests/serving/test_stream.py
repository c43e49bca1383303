"""JSON Lines: in order, with ids, a bad line answered in its place."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import httpx

from xinzhi.serving.service import Service
from xinzhi.serving.settings import ServeSettings

from .util import code_of, ignore, run, scope_of

LINES = {"Content-Type": "application/x-ndjson"}


def body_of(*lines: Any) -> bytes:
    return b"".join(
        (line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines
    )


def parsed(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.splitlines()]


def test_in_order_with_ids(poisonous: str) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        texts = ["第" * (i % 9) + "杭州" + "慢" * (i == 3) for i in range(300)]
        body = body_of(*({"id": i, "text": text} for i, text in enumerate(texts)))
        for content, headers in (
            (body, LINES),
            (gzip.compress(body), {**LINES, "Content-Encoding": "gzip"}),
        ):
            answers = parsed(await client.post("/v1/analyze", content=content, headers=headers))
            assert [answer["id"] for answer in answers] == list(range(300))
            for text, answer in zip(texts, answers, strict=True):
                assert answer["length"] == len(text)
                assert answer["entities"][0]["start"] == text.index("杭")
                assert answer["model"] == {"name": "m", "version": "1.0.0"}

    run(ServeSettings(models={"m": poisonous}, max_queue_texts=8), check)


def test_a_bad_line_is_answered_in_its_place(poisonous: str) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        body = body_of(
            {"id": "a", "text": "杭州"},
            b"{not json",
            {"id": "c"},
            {"id": 4, "text": "毒"},
            {"id": 5, "text": "杭" * 101},
            b'{"id": 6, "text": "\\ud800"}',
            b'{"id": 7, "text": "\xff"}',
            b"x" * 5000,
            b"",
            {"id": True, "text": "a"},
            {"text": "上海"},
        )
        answers = parsed(await client.post("/v1/analyze", content=body, headers=LINES))
        assert [answer["id"] for answer in answers] == [
            "a", None, "c", 4, 5, None, None, None, None, None,
        ]  # fmt: skip
        codes = [answer.get("problem", {}).get("code") for answer in answers]
        assert codes == [
            None,
            "invalid_json",
            "invalid_request",
            "pipeline_failed",
            "text_too_long",
            "invalid_json",
            "invalid_json",
            "text_too_long",
            "invalid_request",
            None,
        ]
        assert answers[-1]["entities"][0]["text"] == "上海"

    run(ServeSettings(models={"m": poisonous}, max_text_characters=100), check)


def test_options_come_from_the_address(ours: str) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        body = body_of({"id": 1, "text": "😀李雷在上海"})
        address = "/v1/analyze?heads=mood&components=xinzhi_cats,xinzhi_ner&offsets=utf16"
        (answer,) = parsed(await client.post(address, content=body, headers=LINES))
        assert list(answer["heads"]) == ["mood"]
        assert answer["length"] == 7
        for wrong, status in (
            ("model=x", 404),
            ("offsets=x", 422),
            ("heads=x", 422),
            ("alternatives=2", 422),
            ("head=mood", 422),
        ):
            response = await client.post(f"/v1/analyze?{wrong}", content=body, headers=LINES)
            assert code_of(response)[0] == status

    run(ServeSettings(models={"m": ours}), check)


def test_a_body_over_the_limit_ends_with_a_problem(ruled: str) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        body = body_of(*({"id": i, "text": "杭州"} for i in range(100)))

        async def slowly() -> Any:
            for i in range(0, len(body), 500):
                yield body[i : i + 500]
                await asyncio.sleep(0)

        answers = parsed(await client.post("/v1/analyze", content=slowly(), headers=LINES))
        assert answers[-1]["problem"]["code"] == "body_too_large"
        assert [a["id"] for a in answers[:-1]] == list(range(len(answers) - 1))
        declared = await client.post("/v1/analyze", content=body, headers=LINES)
        assert code_of(declared) == (413, "body_too_large")

    run(ServeSettings(models={"m": ruled}, max_stream_bytes=2000), check)


def test_a_client_that_goes_ends_the_stream(poisonous: str) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        app = client._transport.app  # type: ignore[attr-defined]
        messages = [
            {"type": "http.request", "body": body_of(*[{"text": "慢"}] * 50)},
            {"type": "http.disconnect"},
        ]

        async def receive() -> Any:
            await asyncio.sleep(0.2)
            return messages.pop(0)

        await asyncio.wait_for(app(scope_of(b"application/x-ndjson"), receive, ignore), 10)
        await asyncio.sleep(0)
        assert len(service.engine.queue) == 0

    run(ServeSettings(models={"m": poisonous}, max_batch_texts=1), check)
