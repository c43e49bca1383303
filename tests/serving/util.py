"""Tiny pipelines, and a service around them without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import spacy
from spacy.language import Language
from spacy.tokens import Doc

from xinzhi.serving.app import create_app
from xinzhi.serving.service import Service
from xinzhi.serving.settings import ServeSettings

LOCAL = "http://127.0.0.1"
PLACES = ("杭州", "上海", "Hangzhou")


@Language.component("serve_test_poison")
def poison(doc: Doc) -> Doc:
    """Fails on a text with "毒", waits on one with "慢"."""
    if "毒" in doc.text:
        raise ValueError(f"secret {doc.text}")
    if "慢" in doc.text:
        import time

        time.sleep(0.3)
    return doc


def rules(version: str = "1.0.0", label: str = "地点", *, poisonous: bool = False) -> Language:
    """A blank Chinese pipeline with an entity ruler: a stock pipeline, and quick."""
    nlp = spacy.blank("zh", meta={"version": version, "name": "rules"})
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": label, "pattern": place} for place in PLACES])  # type: ignore[attr-defined]
    if poisonous:
        nlp.add_pipe("serve_test_poison")
    return nlp


def saved(nlp: Language, folder: Path) -> str:
    nlp.to_disk(folder)
    return str(folder)


@asynccontextmanager
async def serving(settings: ServeSettings) -> AsyncIterator[tuple[httpx.AsyncClient, Service]]:
    """A running service and a client that calls it in this process."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=LOCAL, timeout=30) as client:
            yield client, app.state.service


def run(
    settings: ServeSettings, test: Callable[[httpx.AsyncClient, Service], Awaitable[Any]]
) -> Any:
    """Start a service, run a test on it, stop it."""

    async def body() -> Any:
        async with serving(settings) as (client, service):
            return await test(client, service)

    return asyncio.run(body())


def code_of(response: httpx.Response) -> tuple[int, str]:
    """Status and problem code; checks that it is a problem document."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    problem = response.json()
    assert problem["status"] == response.status_code
    assert problem["title"]
    assert problem["detail"]
    return response.status_code, problem["code"]


def scope_of(content_type: bytes, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    """A request to analyze, for a test that plays the client itself."""
    return {
        "type": "http",
        "method": "POST",
        "path": "/v1/analyze",
        "query_string": b"",
        "headers": [(b"content-type", content_type), *headers, (b"host", b"localhost")],
    }


async def ignore(message: Any) -> None:
    """A client that reads no answer."""
