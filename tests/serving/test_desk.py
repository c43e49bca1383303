"""Customer service behind the service: the same outcomes as from Python."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import spacy

from xinzhi.apps.desk import Desk, read_rules
from xinzhi.apps.faq import Faq
from xinzhi.errors import XinzhiError
from xinzhi.plain import rounded
from xinzhi.serving.keys import new_key
from xinzhi.serving.server import find_models
from xinzhi.serving.service import Service
from xinzhi.serving.settings import ApiKey, ServeSettings, load_settings

from .applications import ANSWERS, RULES, build_index, write_rules
from .util import code_of, run, serving

TURNS = ["地铁又晚点了！", "社保卡丢了怎么补办？", "", "医生很耐心。", "公交线路怎么查询？", "😀"]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Callable[..., Path]) -> Path:
    return build_index(tmp_path_factory.mktemp("desk") / "index", tiny_encoder())


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    return write_rules(tmp_path / "rules.yml")


async def post(client: httpx.AsyncClient, body: Any, **options: Any) -> httpx.Response:
    return await client.post("/v1/desk", json=body, **options)


def test_the_same_as_from_python(ours: str, index: Path, rules: Path) -> None:
    desk = Desk(Faq.load(index), read_rules(rules), spacy.load(ours))
    expected = rounded(desk.talk(TURNS), 12)
    assert len({outcome["route"] for outcome in expected}) > 1
    assert expected[0]["sentiment"] is not None
    later = rounded([desk.ask("", 1)], 12)
    assert later[0]["route"] == "person"

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        reply = (await post(client, {"texts": TURNS})).json()
        assert reply["outcomes"] == expected
        assert reply["model"] == {"name": "m", "version": "0.0.0"}
        replies = await asyncio.gather(
            *(post(client, {"texts": TURNS}) for _ in range(8)),
            *(post(client, {"text": TURNS[0]}) for _ in range(8)),
            *(client.post("/v1/faq", json={"text": TURNS[1]}) for _ in range(8)),
        )
        assert [reply.json()["outcomes"] for reply in replies[:16]] == (
            [expected] * 8 + [expected[:1]] * 8
        )
        assert all(reply.json()["answers"][0]["id"] == "card" for reply in replies[16:])
        assert (await post(client, {"text": "", "not_answered": 1})).json()["outcomes"] == later
        metrics = (await client.get("/metrics")).text
        assert 'xinzhi_desk_routes_total{route="person",urgent="true"}' in metrics
        listing = (await client.get("/v1/models")).json()
        assert listing["applications"] == ["faq", "desk"]

    run(ServeSettings(models={"m": ours}, faq=index, desk=rules, digits=12), check)


def test_bad_requests(ours: str, index: Path, rules: Path) -> None:
    wrong: list[Any] = [
        {},
        [],
        0,
        {"text": 1},
        {"texts": []},
        {"text": "a", "texts": ["a"]},
        {"text": "a\0"},
        {"text": "a", "not_answered": -1},
        {"text": "a", "not_answered": 10**7},
        {"text": "a", "rules": "/etc/passwd"},
    ]

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        for body in wrong:
            assert code_of(await post(client, body)) == (422, "invalid_request"), body
        assert code_of(await post(client, {"text": "字" * 101})) == (413, "text_too_long")
        assert code_of(await post(client, {"texts": ["a"] * 5})) == (413, "too_many_texts")
        assert code_of(await client.post("/v1/desk", content=b"{}")) == (415, "not_json")
        assert code_of(await client.get("/v1/desk")) == (405, "method_not_allowed")

    limits: dict[str, Any] = {"max_text_characters": 100, "max_texts": 4}
    run(ServeSettings(models={"m": ours}, faq=index, desk=rules, **limits), check)


def test_a_text_the_pipeline_fails_on(poisonous: str, index: Path, tmp_path: Path) -> None:
    rules = write_rules(tmp_path / "rules.yml", "rules: [{name: all, route: person}]")

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        response = await post(client, {"texts": ["杭州", "毒"]})
        assert code_of(response) == (500, "pipeline_failed")
        assert response.json()["index"] == 1
        (outcome,) = (await post(client, {"text": "杭州"})).json()["outcomes"]
        assert (outcome["entities"][0]["text"], outcome["route"]) == ("杭州", "person")
        late = await asyncio.gather(*(post(client, {"texts": ["慢"] * 4}) for _ in range(2)))
        assert {code_of(response) for response in late} == {(504, "deadline")}

    settings: dict[str, Any] = {"models": {"m": poisonous}, "timeout_seconds": 0.5}
    run(ServeSettings(faq=index, desk=rules, **settings), check)


def test_without_a_pipeline(index: Path, tmp_path: Path) -> None:
    rules = write_rules(tmp_path / "rules.yml", "rules: [{name: all, route: clarify}]")

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        reply = (await post(client, {"text": ANSWERS["card"][0]})).json()
        assert reply["model"] is None
        assert reply["outcomes"][0]["sentiment"] is None
        assert reply["outcomes"][0]["reply"]["answers"][0]["id"] == "card"

    run(ServeSettings(faq=index, desk=rules), check)


def test_rules_that_change_are_used(ours: str, index: Path, rules: Path) -> None:
    def write(text: str) -> None:
        write_rules(rules, text)
        os.utime(rules, ns=(0, len(text)))  # as if some time had passed

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        async def rule() -> str:
            return (await post(client, {"text": ""})).json()["outcomes"][0]["rule"]

        assert await rule() == "the rest"
        write("rules: [{name: new, route: person}]")
        assert await rule() == "new"
        for text in ("rules: [", "rules: []", RULES.replace("mood", "no such head")):
            write(text)
            assert await rule() == "new"
        rules.unlink()
        assert await rule() == "new"

    run(ServeSettings(models={"m": ours}, faq=index, desk=rules), check)


def test_a_model_without_the_head(ours: str, ruled: str, index: Path, rules: Path) -> None:
    settings: dict[str, Any] = {"models": {"a": ruled, "b": ours}, "faq": index, "desk": rules}

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        assert (await post(client, {"text": ""})).status_code == 200
        service.store._active["b"] = service.store._active["a"]  # as after a change of version
        for _ in range(2):
            response = await post(client, {"text": ""})
            assert code_of(response) == (503, "desk_not_ready")
            assert "mood" in response.json()["detail"]

    run(ServeSettings(**settings, desk_model="b"), check)

    async def start(settings: ServeSettings) -> None:
        async with serving(settings):
            pass

    with pytest.raises(SystemExit):
        asyncio.run(start(ServeSettings(**settings, desk_model="a")))


def test_keys(ours: str, index: Path, rules: Path) -> None:
    made = {name: new_key() for name in ("all", "faq", "desk", "model")}
    chosen: dict[str, dict[str, Any]] = {
        "all": {},
        "faq": {"applications": ["faq"]},
        "desk": {"models": [], "applications": ["desk"], "texts_per_minute": 2},
        "model": {"models": ["m"]},
    }
    keys = [ApiKey(name=name, sha256=made[name][1], **chosen[name]) for name in made]

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        expected = {"all": 200, "faq": 403, "desk": 200, "model": 403}
        for name, status in expected.items():
            headers = {"X-API-Key": made[name][0]}
            assert (await post(client, {"text": ""}, headers=headers)).status_code == status, name
        for headers in ({}, {"X-API-Key": "x"}):
            response = await post(client, {"text": ""}, headers=headers)
            assert code_of(response) == (401, "unauthorized")
        headers = {"X-API-Key": made["desk"][0]}
        response = await post(client, {"texts": ["", ""]}, headers=headers)
        assert code_of(response) == (429, "rate_limited")
        response = await post(client, {"texts": [""] * 3}, headers=headers)
        assert code_of(response) == (413, "over_rate_limit")

    run(ServeSettings(models={"m": ours}, faq=index, desk=rules, keys=keys), check)


def test_not_mounted(ruled: str, index: Path) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        assert code_of(await post(client, {"text": "a"})) == (404, "not_found")
        assert "/v1/desk" not in (await client.get("/openapi.json")).json()["paths"]

    run(ServeSettings(models={"m": ruled}, faq=index), check)


def test_what_is_missing_is_said_before_a_worker_starts(index: Path, tmp_path: Path) -> None:
    with pytest.raises(XinzhiError, match="cannot be read"):
        find_models(ServeSettings(faq=index, desk=tmp_path / "none.yml"))
    with pytest.raises(XinzhiError, match="set faq as well"):
        load_settings(None, {"desk": tmp_path})
    with pytest.raises(XinzhiError, match="desk_model = 'x' is not among the models"):
        load_settings(None, {"desk": tmp_path, "faq": index, "desk_model": "x"})


def test_the_examples_of_the_document(ours: str, index: Path, rules: Path) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        document = (await client.get("/openapi.json")).json()
        described = document["paths"]["/v1/desk"]["post"]
        content = described["requestBody"]["content"]["application/json"]
        assert content["schema"]["oneOf"][0]["properties"]["text"]["maxLength"] == 20_000
        for example in content["examples"].values():
            assert (await post(client, example["value"])).status_code == 200
        assert {"200", "401", "403", "413", "422", "429", "500", "503", "504"} <= set(
            described["responses"]
        )

    run(ServeSettings(models={"m": ours}, faq=index, desk=rules), check)
