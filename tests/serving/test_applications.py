"""The knowledge base and the opinion monitor behind the service."""

from __future__ import annotations

import asyncio
import base64
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("duckdb", reason="needs the extra 'monitor'")
pytest.importorskip("datasketch", reason="needs the extra 'monitor'")

from xinzhi.apps.faq import Entry, Faq
from xinzhi.apps.monitor.database import open_database
from xinzhi.errors import XinzhiError
from xinzhi.serving.background import Background
from xinzhi.serving.keys import new_key
from xinzhi.serving.problems import Problem
from xinzhi.serving.server import find_models
from xinzhi.serving.service import Service
from xinzhi.serving.settings import ApiKey, ServeSettings

from .applications import ANSWERS, add_posts, build_database, build_index
from .util import code_of, run

QUESTION = ANSWERS["card"][0]


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Callable[..., Path]) -> Path:
    return build_index(tmp_path_factory.mktemp("faq") / "index", tiny_encoder())


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_database(tmp_path_factory.mktemp("monitor") / "posts.duckdb")


async def ask(client: httpx.AsyncClient, text: str = QUESTION, **options: Any) -> httpx.Response:
    return await client.post("/v1/faq", json={"text": text, **options})


def test_a_question_is_answered(ruled: str, index: Path) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        reply = (await ask(client, k=2)).json()
        assert reply["decision"] in ("answer", "clarify", "none")
        assert len(reply["answers"]) == 2
        first = reply["answers"][0]
        assert (first["id"], first["answer"]) == ("card", ANSWERS["card"][1])
        assert reply["none"] + sum(a["probability"] for a in reply["answers"]) <= 1.001
        assert first["probability"] == round(first["probability"], 4)
        nothing = (await ask(client, "  ")).json()
        assert nothing == {"decision": "none", "answers": [], "none": 1.0}
        for wrong in ({"k": 0}, {"k": 101}, {"k": "2"}, {"text": 1}, {"path": "/etc"}):
            assert code_of(await ask(client, **wrong)) == (422, "invalid_request")
        assert code_of(await ask(client, "字" * 101)) == (413, "text_too_long")
        metrics = (await client.get("/metrics")).text
        assert 'xinzhi_faq_decisions_total{decision="none"}' in metrics
        assert 'endpoint="/v1/faq",method="POST",status="200"' in metrics
        listing = (await client.get("/v1/models")).json()
        assert listing["applications"] == ["faq"]
        assert code_of(await client.get("/monitor")) == (404, "not_found")

    run(ServeSettings(models={"m": ruled}, faq=index, max_text_characters=100), check)


def test_a_question_is_never_a_command(index: Path) -> None:
    texts = [
        '" OR 1=1 --',
        "'; DROP TABLE entries; --",
        'NEAR("a" b)*',
        "^:{}()[]",
        "😀",
        "\n\t ",
        "a" * 9999,
    ]

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        for text in texts:
            assert (await ask(client, text)).status_code == 200
        assert (await ask(client)).json()["answers"][0]["id"] == "card"

    run(ServeSettings(faq=index), check)


def test_many_callers_get_their_own_answers(index: Path) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        names = list(ANSWERS) * 30
        replies = await asyncio.gather(*(ask(client, ANSWERS[name][0]) for name in names))
        found = [reply.json()["answers"][0]["id"] for reply in replies]
        assert found == names
        assert code_of(await client.post("/v1/analyze", json={"text": "a"}))[0] == 404

    run(ServeSettings(faq=index), check)  # no model is needed


def test_entries_that_change_are_seen(tmp_path: Path, tiny_encoder: Callable[..., Path]) -> None:
    folder = build_index(tmp_path / "index", tiny_encoder())
    new = "图书馆几点开门？"

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        assert (await ask(client, new)).json()["answers"][0]["id"] != "library"
        Faq.load(folder).add([Entry("library", new, "九点。")])
        assert (await ask(client, new)).json()["answers"][0]["id"] == "library"
        build_index(folder, tiny_encoder(), extra=new)
        assert (await ask(client, new)).json()["answers"][0]["id"] == "extra"
        (folder / "faq.db").unlink()
        assert (await ask(client, new)).json()["answers"][0]["id"] == "extra"
        (folder / "faq.db").write_bytes(b"no database")
        assert (await ask(client, new)).json()["answers"][0]["id"] == "extra"

    run(ServeSettings(faq=folder), check)


def test_the_dashboard_is_live(ruled: str, tmp_path: Path) -> None:
    path = build_database(tmp_path / "posts.duckdb")

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        page = await client.get("/monitor")
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "停车" in page.text
        before = (await client.get("/v1/monitor")).json()
        assert before["totals"]["posts"] == 120
        assert (await client.get("/v1/monitor")).json() == before
        add_posts(path, tmp_path / "more.jsonl", datetime(2026, 3, 8), 10, "路灯坏了")
        assert (await client.get("/v1/monitor")).json()["totals"]["posts"] == 130
        some = (await client.get("/v1/monitor?since=2026-03-03&until=2026-03-04")).json()
        assert (some["days"], some["totals"]["posts"]) == (["2026-03-03", "2026-03-04"], 48)
        listing = (await client.get("/v1/models")).json()
        assert listing["applications"] == ["monitor"]

    run(ServeSettings(models={"m": ruled}, monitor=path), check)


@pytest.mark.parametrize(
    "query",
    [
        "since=x",
        "since=2026-02-30",
        "since=0001-01-01",
        "until=9999-12-31",
        "since=2026-03-05&until=2026-03-04",
        "since=2030-01-01",
        "since=2000-01-01&until=2026-01-01",
        "since=2026-03-01%00",
    ],
)
def test_days_that_cannot_be_shown(database: Path, query: str) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        assert code_of(await client.get(f"/v1/monitor?{query}")) == (422, "invalid_day")

    run(ServeSettings(monitor=database), check)


def test_days_without_posts(database: Path) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        for query in ("until=2990-12-31", "until=1950-01-01", "since=2026-01-01&until=2026-01-03"):
            response = await client.get(f"/v1/monitor?{query}")
            assert response.status_code == 200
            assert response.json()["totals"]["posts"] == 0
            assert (await client.get(f"/monitor?{query}")).status_code == 200

    run(ServeSettings(monitor=database), check)


def test_a_database_that_is_being_written_to(tmp_path: Path) -> None:
    import subprocess
    import sys

    path = build_database(tmp_path / "posts.duckdb")
    program = (
        "import sys, duckdb; c = duckdb.connect(sys.argv[1]); print('open', flush=True); input()"
    )

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        command = [sys.executable, "-c", program, str(path)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "open\n"
            busy = await client.get("/v1/monitor")
            assert code_of(busy) == (503, "monitor_busy")
            assert busy.headers["retry-after"]
            assert str(tmp_path) not in busy.text
            writer.communicate("\n")
        assert (await client.get("/v1/monitor")).status_code == 200

    run(ServeSettings(monitor=path), check)


def test_keys_of_applications(ruled: str, index: Path, database: Path) -> None:
    made = {name: new_key() for name in ("all", "model", "faq", "monitor")}
    chosen: dict[str, dict[str, Any]] = {
        "all": {},
        "model": {"models": ["m"]},
        "faq": {"models": [], "applications": ["faq"], "texts_per_minute": 2},
        "monitor": {"models": ["m"], "applications": ["monitor"]},
    }
    keys = [ApiKey(name=name, sha256=made[name][1], **chosen[name]) for name in made]

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        async def statuses(headers: dict[str, str]) -> list[int]:
            gets = [await client.get(p, headers=headers) for p in ("/monitor", "/v1/monitor")]
            asked = await client.post("/v1/faq", json={"text": QUESTION}, headers=headers)
            return [response.status_code for response in (asked, *gets)]

        expected = {
            "all": [200, 200, 200],
            "model": [403, 403, 403],
            "faq": [200, 403, 403],
            "monitor": [403, 200, 200],
        }
        for name, wanted in expected.items():
            assert await statuses({"X-API-Key": made[name][0]}) == wanted, name
        assert await statuses({}) == [401, 401, 401]
        headers = {"X-API-Key": made["faq"][0]}
        listing = (await client.get("/v1/models", headers=headers)).json()
        assert listing == {"models": [], "applications": ["faq"]}
        assert (await client.post("/v1/faq", json={"text": "a"}, headers=headers)).is_success
        limited = await client.post("/v1/faq", json={"text": "a"}, headers=headers)
        assert code_of(limited) == (429, "rate_limited")

    run(ServeSettings(models={"m": ruled}, faq=index, monitor=database, keys=keys), check)


def test_a_browser_may_send_the_key_as_a_password(database: Path) -> None:
    key, digest = new_key()
    settings = ServeSettings(monitor=database, keys=[ApiKey(name="k", sha256=digest)])

    def basic(text: str) -> dict[str, str]:
        return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        asked = await client.get("/monitor")
        assert asked.headers["www-authenticate"].startswith("Basic realm=")
        for name in ("", "me", "名字"):
            response = await client.get("/monitor", headers=basic(f"{name}:{key}"))
            assert response.status_code == 200
        for wrong in (basic(f"{key}:"), basic(key), basic(":"), {"Authorization": "Basic é"}):
            response = await client.get(
                "/monitor", headers={k: v.encode("utf8") for k, v in wrong.items()}
            )
            assert code_of(response) == (401, "unauthorized")
        for path in ("/v1/monitor", "/v1/models"):  # never where another site could make use of it
            response = await client.get(path, headers=basic(f"me:{key}"))
            assert code_of(response) == (401, "unauthorized")
            assert response.headers["www-authenticate"] == "Bearer"

    run(settings, check)


def test_the_document_describes_the_applications(index: Path, database: Path) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        document = (await client.get("/openapi.json")).json()
        body = document["paths"]["/v1/faq"]["post"]["requestBody"]["content"]["application/json"]
        reply = await client.post("/v1/faq", json=body["example"])
        assert reply.status_code == 200
        assert {"/monitor", "/v1/monitor"} <= set(document["paths"])
        schemes = document["components"]["securitySchemes"]
        named = {
            name
            for path in document["paths"].values()
            for endpoint in path.values()
            for choice in endpoint.get("security", [])
            for name in choice
        }
        assert named == set(schemes)

    run(ServeSettings(faq=index, monitor=database), check)


def test_what_is_missing_is_said_before_a_worker_starts(tmp_path: Path) -> None:
    for settings, message in (
        (ServeSettings(faq=tmp_path / "none"), "There is no index"),
        (ServeSettings(monitor=tmp_path / "none"), "There is no database"),
    ):
        with pytest.raises(XinzhiError, match=message):
            find_models(settings)


def test_work_in_the_background_is_bounded() -> None:
    begun: list[int] = []
    free = threading.Event()

    def work(number: int) -> int:
        begun.append(number)
        free.wait(10)
        return number

    async def check() -> None:
        background = Background("test", most_waiting=3, seconds=0.5)
        first, second, third = (
            asyncio.ensure_future(background.run(lambda n=n: work(n)))  # type: ignore[misc]
            for n in range(3)
        )
        await asyncio.sleep(0.1)
        with pytest.raises(Problem, match="waiting"):
            await background.run(lambda: 4)
        second.cancel()
        await asyncio.sleep(0.05)
        with pytest.raises(Problem, match=r"within 0\.5 seconds"):
            await third
        with pytest.raises(Problem, match="within"):
            await first
        free.set()
        for _ in range(100):
            try:
                assert await background.run(lambda: 5) == 5
                break
            except Problem:
                time.sleep(0.01)
        assert begun == [0], "what nobody waits for is not begun"
        background.stop()

    asyncio.run(check())


def test_the_database_is_free_between_requests(database: Path) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        assert (await client.get("/v1/monitor")).status_code == 200
        with open_database(database, write=True) as opened:
            assert opened.rows("SELECT COUNT(*) FROM posts")

    run(ServeSettings(monitor=database), check)
