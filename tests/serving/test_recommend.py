"""The recommender behind the service: the same items as from Python."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from xinzhi.apps.faq.embedder import Embedder
from xinzhi.apps.recommend.recommender import Recommender
from xinzhi.errors import XinzhiError
from xinzhi.plain import rounded
from xinzhi.serving.keys import new_key
from xinzhi.serving.server import find_models
from xinzhi.serving.service import Service
from xinzhi.serving.settings import ApiKey, ServeSettings

from ..apps.recommend.conftest import encode
from .applications import build_recommender
from .util import code_of, run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_recommender(tmp_path_factory.mktemp("recommend") / "模型")


async def post(client: httpx.AsyncClient, body: Any, **options: Any) -> httpx.Response:
    return await client.post("/v1/recommend", json=body, **options)


def test_the_same_as_from_python(folder: Path) -> None:
    model = Recommender.load(folder)
    asked: list[dict[str, Any]] = [
        {"liked": ["1", "2", "4"]},
        {"liked": ["1"], "k": 100},
        {"liked": ["9", "9"], "k": 1},
        {"user": "居民1", "k": 3},
        {"user": "居民2"},
    ]

    def expected(query: dict[str, Any]) -> Any:
        k = query.get("k", 10)
        liked = query.get("liked")
        found = model.rank_liked(liked, k) if liked else model.rank(query["user"], k)
        return rounded([place.to_dict() for place in found], 12)

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        replies = await asyncio.gather(*(post(client, query) for query in asked * 5))
        found = [reply.json()["items"] for reply in replies]
        assert found == [expected(query) for query in asked] * 5
        assert [len(items) for items in found[:4]] == [10, 53, 1, 3]
        assert not {"1", "2", "4"} & {item["id"] for item in found[0]}, "what is seen is not shown"
        listing = (await client.get("/v1/models")).json()
        assert listing == {"models": [], "applications": ["recommend"]}
        metrics = (await client.get("/metrics")).text
        assert "xinzhi_recommend_probability_count 25.0" in metrics

    run(ServeSettings(recommend=folder, digits=12), check)


def test_bad_requests(folder: Path) -> None:
    wrong: list[Any] = [
        {},
        [],
        0,
        {"liked": []},
        {"liked": [1]},
        {"liked": "1"},
        {"user": 1},
        {"user": "居民1", "liked": ["1"]},
        {"user": "居民1", "k": 0},
        {"user": "居民1", "k": 101},
        {"user": "a\0"},
        {"liked": ["1"], "path": "/etc"},
    ]

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        for body in wrong:
            assert code_of(await post(client, body)) == (422, "invalid_request"), body
        for user in ("谁", "", "../../etc/passwd"):
            response = await post(client, {"user": user})
            assert code_of(response) == (422, "unknown_user")
            assert "passwd" not in response.text
        unknown = await post(client, {"liked": ["1", "没有", "2"]})
        assert code_of(unknown) == (422, "unknown_item")
        assert unknown.json()["index"] == 1
        assert "没有" not in unknown.text
        assert code_of(await post(client, {"liked": ["1"] * 5})) == (413, "too_many_texts")
        assert code_of(await post(client, {"user": "a" * 21})) == (413, "text_too_long")

    run(ServeSettings(recommend=folder, max_texts=4, max_text_characters=20), check)


def test_a_wish_in_words(tmp_path: Path, tiny_encoder: Callable[..., Path]) -> None:
    encoder = str(tiny_encoder())
    embedder = Embedder.load(encoder)
    folder = build_recommender(tmp_path / "served", embedder.encode)
    expected = Recommender.load(folder).rank_text("想学做川菜", embedder.encode, 4)

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        replies = await asyncio.gather(
            *(post(client, {"text": "想学做川菜", "k": 4}) for _ in range(4)),
            *(post(client, {"liked": ["1"], "k": 53}) for _ in range(4)),
        )
        wanted = rounded([place.to_dict() for place in expected], 12)
        assert [reply.json()["items"] for reply in replies[:4]] == [wanted] * 4
        assert [len(reply.json()["items"]) for reply in replies[4:]] == [53] * 4
        assert code_of(await post(client, {"text": " "})) == (422, "empty_text")
        for wrong in ({"text": "a", "user": "a"}, {"text": "a", "liked": ["1"]}, {"text": 1}):
            assert code_of(await post(client, wrong)) == (422, "invalid_request")
        build_recommender(folder)  # with vectors of another encoder: refused
        replies = [await post(client, {"text": "想学做川菜", "k": 4})]
        assert replies[0].json()["items"] == wanted
        document = (await client.get("/openapi.json")).json()
        described = document["paths"]["/v1/recommend"]["post"]["requestBody"]["content"]
        assert len(described["application/json"]["schema"]["oneOf"]) == 3

    run(ServeSettings(recommend=folder, recommend_encoder=encoder, digits=12), check)


def test_no_wish_without_an_encoder(folder: Path) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        assert code_of(await post(client, {"text": "想学做川菜"})) == (422, "no_encoder")

    run(ServeSettings(recommend=folder), check)


def test_a_recommender_trained_anew_is_loaded(folder: Path, tmp_path: Path) -> None:
    served = Path(shutil.copytree(folder, tmp_path / "served"))

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        assert code_of(await post(client, {"liked": ["new"]})) == (422, "unknown_item")
        larger = Recommender.load(folder)
        larger.add([type(larger.items[0])("new", "川菜小炒", ("烹饪",))], encode)
        larger.save(served)
        assert (await post(client, {"liked": ["new"]})).status_code == 200
        for name in ("about.json", "arrays.npz", "towers.safetensors"):
            larger.save(tmp_path / "broken")
            (tmp_path / "broken" / name).write_bytes(b"PK\3\4 damaged")
            with pytest.raises(XinzhiError):
                Recommender.load(tmp_path / "broken")
            shutil.rmtree(served)
            (tmp_path / "broken").rename(served)
            assert (await post(client, {"liked": ["new"]})).status_code == 200, name
        shutil.rmtree(served)
        assert (await post(client, {"liked": ["new"]})).status_code == 200

    run(ServeSettings(recommend=served), check)


def test_keys(folder: Path) -> None:
    made = {name: new_key() for name in ("all", "faq", "recommend", "model")}
    chosen: dict[str, dict[str, Any]] = {
        "all": {},
        "faq": {"applications": ["faq"]},
        "recommend": {"models": [], "applications": ["recommend"], "texts_per_minute": 1},
        "model": {"models": []},
    }
    keys = [ApiKey(name=name, sha256=made[name][1], **chosen[name]) for name in made]

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        expected = {"all": 200, "faq": 403, "recommend": 200, "model": 403}
        for name, status in expected.items():
            headers = {"X-API-Key": made[name][0]}
            response = await post(client, {"liked": ["1"]}, headers=headers)
            assert response.status_code == status, name
        for headers in ({}, {"X-API-Key": "x"}):
            response = await post(client, {"liked": ["1"]}, headers=headers)
            assert code_of(response) == (401, "unauthorized")
        headers = {"X-API-Key": made["recommend"][0]}
        limited = await post(client, {"liked": ["1"]}, headers=headers)
        assert code_of(limited) == (429, "rate_limited")

    run(ServeSettings(recommend=folder, keys=keys), check)


def test_not_mounted(ruled: str, tmp_path: Path) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        assert code_of(await post(client, {"liked": ["1"]})) == (404, "not_found")
        assert "/v1/recommend" not in (await client.get("/openapi.json")).json()["paths"]

    run(ServeSettings(models={"m": ruled}), check)
    with pytest.raises(XinzhiError, match="There is no recommender"):
        find_models(ServeSettings(recommend=tmp_path / "none"))


def test_the_examples_of_the_document(folder: Path) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        document = (await client.get("/openapi.json")).json()
        described = document["paths"]["/v1/recommend"]["post"]
        content = described["requestBody"]["content"]["application/json"]
        assert content["schema"]["oneOf"][1]["properties"]["liked"]["maxItems"] == 256
        for example in content["examples"].values():
            assert len((await post(client, example["value"])).json()["items"]) == 3
        assert {"200", "401", "403", "413", "422", "429", "504"} <= set(described["responses"])

    run(ServeSettings(recommend=folder), check)
