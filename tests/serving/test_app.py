"""What callers of the API see."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
import spacy

from xinzhi.serving.app import STATIC
from xinzhi.serving.keys import ANYONE, new_key
from xinzhi.serving.service import Service
from xinzhi.serving.settings import ApiKey, ServeSettings

from .util import code_of, run

TEXT = "居民李雷在上海看病，上海很大。"
EMOJI = "😀杭州😀上海"


def settings(**values: Any) -> ServeSettings:
    return ServeSettings(**values)


def test_answers_with_what_the_pipeline_says(ours: str) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        response = await client.post("/v1/analyze", json={"texts": [TEXT, "", "Li Lei in 上海"]})
        assert response.status_code == 200
        reply = response.json()
        assert reply["model"] == {"name": "m", "version": "0.0.0"}
        nlp = spacy.load(ours)
        for result, doc in zip(
            reply["results"], nlp.pipe([TEXT, "", "Li Lei in 上海"]), strict=True
        ):
            found = [(e["start"], e["end"], e["label"], e["text"]) for e in result["entities"]]
            assert found == [(e.start_char, e.end_char, e.label_, e.text) for e in doc.ents]
            given = [e["confidence"] for e in result["entities"]]
            assert given == pytest.approx([e._.confidence for e in doc.ents], abs=6e-5)
            assert result["cats"] == pytest.approx(doc.cats, abs=6e-5)
            assert set(result["heads"]) == {"topic", "mood", "tags"}
            assert result["decisions"] == doc._.decisions
            assert result["length"] == len(doc.text)
        assert reply["results"][0]["entities"], "the tiny model finds nothing: the test is void"

    run(settings(models={"m": ours}), check)


def test_options(ours: str) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        async def ask(**options: Any) -> dict[str, Any]:
            response = await client.post("/v1/analyze", json={"text": TEXT, **options})
            return response.json()["results"][0]

        one = await ask(heads=["mood"])
        assert list(one["heads"]) == ["mood"]
        assert list(one["decisions"]) == ["mood"]
        assert all(key.startswith("mood/") for key in one["cats"])
        only = await ask(components=["xinzhi_ner"])
        assert only["entities"]
        assert only["cats"] == {}
        assert (await ask(components=[]))["entities"] == []
        with_others = (await ask(alternatives=True))["entities"][0]["alternatives"]
        assert isinstance(with_others[0][0], str)
        assert 0 <= with_others[0][1] <= 1
        for wrong in ({"heads": ["nope"]}, {"components": ["nope"]}):
            response = await client.post("/v1/analyze", json={"text": TEXT, **wrong})
            assert code_of(response)[0] == 422
            assert response.json()["known"]

    run(settings(models={"m": ours}), check)


def test_offsets_in_code_points_and_utf16(ruled: str) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        for unit in ("codepoints", "utf16"):
            response = await client.post("/v1/analyze", json={"text": EMOJI, "offsets": unit})
            (result,) = response.json()["results"]
            units = EMOJI if unit == "codepoints" else EMOJI.encode("utf-16-le")
            step = 1 if unit == "codepoints" else 2
            for entity in result["entities"]:
                part = units[entity["start"] * step : entity["end"] * step]
                text = part if isinstance(part, str) else part.decode("utf-16-le")
                assert text == entity["text"]
            assert len(result["entities"]) == 2
            assert result["length"] == len(units) // step

    run(settings(models={"m": ruled}), check)


def test_serves_stock_pipelines_beside_ours(ruled: str, stock: str, ours: str) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        names = [m["name"] for m in (await client.get("/v1/models")).json()["models"]]
        assert names == ["rules", "stock", "ours"]
        for name in names:
            reply = (await client.post("/v1/analyze", json={"text": TEXT, "model": name})).json()
            assert reply["model"]["name"] == name
        for name, path in (("rules", ruled), ("stock", stock)):
            doc = spacy.load(path)(TEXT)
            response = await client.post("/v1/analyze", json={"text": TEXT, "model": name})
            (result,) = response.json()["results"]
            assert [e["text"] for e in result["entities"]] == [e.text for e in doc.ents]
            assert all(e["confidence"] is None for e in result["entities"])
            assert result["cats"] == pytest.approx(doc.cats, abs=6e-5)
        only = {"text": TEXT, "model": "stock", "components": ["ner"]}
        assert (await client.post("/v1/analyze", json=only)).status_code == 200
        missing = await client.post("/v1/analyze", json={"text": TEXT, "model": "nope"})
        assert code_of(missing) == (404, "unknown_model")

    run(settings(models={"rules": ruled, "stock": stock, "ours": ours}), check)


def test_describes_a_model(ours: str) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        model = (await client.get("/v1/model")).json()
        assert model["labels"]["xinzhi_ner"]
        assert model["heads"]["mood"] == ["其他", "坏", "好"]
        assert model["thresholds"]["xinzhi_cats"]["threshold"] == 0.5
        assert model["versions"] == ["0.0.0"]
        assert model["libraries"]["spacy"] == spacy.__version__
        assert model["limits"]["max_texts"] == 256
        assert code_of(await client.get("/v1/model?model=x")) == (404, "unknown_model")

    run(settings(models={"m": ours}), check)


def test_operations(ruled: str) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        assert (await client.get("/readyz")).json() == {"status": "ready"}
        for _ in range(3):
            await client.post("/v1/analyze", json={"texts": ["杭州", "x"]})
        await client.get("/nope/<script>")
        metrics = (await client.get("/metrics")).text
        assert 'xinzhi_texts_total{model="m",version="1.0.0"} 6.0' in metrics
        assert 'xinzhi_characters_total{model="m",version="1.0.0"} 9.0' in metrics
        assert 'xinzhi_labels_total{head="entities",label="地点",model="m"} 3.0' in metrics
        answered = 'endpoint="/v1/analyze",method="POST",status="200"'
        assert f"xinzhi_requests_total{{{answered}}} 3.0" in metrics
        assert "nope" not in metrics
        service.draining = True
        assert code_of(await client.get("/readyz")) == (503, "not_ready")
        assert (await client.get("/healthz")).headers["connection"] == "close"

    run(settings(models={"m": ruled}), check)


def test_addresses_and_methods_that_do_not_exist(ruled: str) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        for path in ("/nope", "/v1/nope", "/../settings.py", "/%2e%2e/settings.py", "/static/x"):
            assert code_of(await client.get(path)) == (404, "not_found")
        assert code_of(await client.post("/v1/nope", json={})) == (404, "not_found")
        for method, path in (("GET", "/v1/analyze"), ("DELETE", "/v1/model"), ("POST", "/healthz")):
            response = await client.request(method, path)
            assert code_of(response) == (405, "method_not_allowed")
            assert response.headers["allow"]
        if STATIC.is_dir():
            page = await client.get("/")
            assert page.status_code == 200
            assert page.headers["content-type"].startswith("text/html")

    run(settings(models={"m": ruled}), check)


def test_security_headers_and_request_ids(ruled: str) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        response = await client.get("/readyz", headers={"X-Request-ID": "abc-1"})
        assert response.headers["x-request-id"] == "abc-1"
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in response.headers
        forged = await client.get("/readyz", headers={"X-Request-ID": "a b\tc"})
        assert forged.headers["x-request-id"] not in ("a b\tc", "abc-1")
        elsewhere = await client.get("/v1/models", headers={"Host": "evil.example"})
        assert code_of(elsewhere) == (421, "wrong_host")

    run(settings(models={"m": ruled}), check)


def test_cors_only_for_named_origins(ruled: str) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        for origin, allowed in (("https://a.example", True), ("https://b.example", False)):
            response = await client.get("/v1/models", headers={"Origin": origin})
            assert (response.headers.get("access-control-allow-origin") == origin) is allowed

    run(settings(models={"m": ruled}, cors_origins=["https://a.example"]), check)


def test_keys(ruled: str) -> None:
    keys = {name: new_key() for name in ("all", "one", "admin")}
    models = {"all": ["*"], "one": ["a"], "admin": ["*"]}
    entries = [
        ApiKey(name=name, sha256=digest, models=models[name], admin=name == "admin")
        for name, (_, digest) in keys.items()
    ]

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        def bearer(name: str) -> dict[str, str]:
            return {"Authorization": f"Bearer {keys[name][0]}"}

        async def ask(model: str, headers: dict[str, Any]) -> httpx.Response:
            return await client.post(
                "/v1/analyze", json={"text": "杭州", "model": model}, headers=headers
            )

        for path in ("/v1/models", "/v1/model", "/metrics"):
            assert code_of(await client.get(path)) == (401, "unauthorized")
        for wrong in ({}, {"X-API-Key": "x"}, {"Authorization": "Basic x"}, {"X-API-Key": b"\xe9"}):
            response = await ask("a", wrong)
            assert code_of(response) == (401, "unauthorized")
            assert response.headers["www-authenticate"] == "Bearer"
        assert (await ask("b", bearer("all"))).status_code == 200
        assert (await ask("a", bearer("one"))).status_code == 200
        assert (await ask("a", {"X-API-Key": keys["one"][0]})).status_code == 200
        for hidden in ("b", "there is none"):
            assert code_of(await ask(hidden, bearer("one"))) == (403, "model_forbidden")
        seen = (await client.get("/v1/models", headers=bearer("one"))).json()["models"]
        assert [model["name"] for model in seen] == ["a"]
        assert code_of(await client.get("/metrics", headers=bearer("one")))[0] == 403
        assert (await client.get("/metrics", headers=bearer("all"))).status_code == 200
        swap = await client.post(
            "/v1/admin/models/a", json={"version": "1.0.0"}, headers=bearer("all")
        )
        assert code_of(swap) == (403, "not_admin")
        swap = await client.post(
            "/v1/admin/models/a", json={"version": "1.0.0"}, headers=bearer("admin")
        )
        assert swap.status_code == 200
        assert (await client.get("/readyz")).status_code == 200
        assert keys["all"][0] not in json.dumps(service.settings.masked())

    run(settings(models={"a": ruled, "b": ruled}, keys=entries), check)


def test_rate_limit(ruled: str) -> None:
    key, digest = new_key()
    entry = ApiKey(name="k", sha256=digest, texts_per_minute=3)

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        client.headers["X-API-Key"] = key
        assert (await client.post("/v1/analyze", json={"texts": ["a", "b"]})).status_code == 200
        response = await client.post("/v1/analyze", json={"texts": ["a", "b"]})
        assert code_of(response) == (429, "rate_limited")
        assert 15 <= int(response.headers["retry-after"]) <= 20
        response = await client.post("/v1/analyze", json={"texts": ["a"] * 4})
        assert code_of(response) == (413, "over_rate_limit")

    run(settings(models={"m": ruled}, keys=[entry]), check)


def test_similar(ruled: str, encoder_pipeline: str) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        query = {"text": "智慧城市", "candidates": ["response time", "智慧城市", ""], "model": "e"}
        response = await client.post("/v1/similar", json=query)
        assert response.status_code == 200, response.text
        results = response.json()["results"]
        assert results[0] == {"index": 1, "score": pytest.approx(1.0, abs=1e-6)}
        assert sorted(result["index"] for result in results) == [0, 1, 2]
        assert results[-1] == {"index": 2, "score": 0.0} or results[-1]["score"] < 0
        none = await client.post("/v1/similar", json={**query, "model": "r"})
        assert code_of(none) == (422, "no_encoder")

    run(settings(models={"r": ruled, "e": encoder_pipeline}), check)


def test_many_callers_get_their_own_answers(ours: str) -> None:
    """Equal to the serial answers, never somebody else's."""
    texts = [
        f"{i}号居民在{place}看病，第{i % 7}天。" for i in range(60) for place in ("杭州", "上海")
    ]
    nlp = spacy.load(ours)
    expected = [[(e.start_char, e.end_char, e.label_) for e in nlp(text).ents] for text in texts]
    assert len({len(text) for text in texts}) > 1

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        async def ask(text: str) -> dict[str, Any]:
            response = await client.post("/v1/analyze", json={"text": text})
            return response.json()["results"][0]

        results = await asyncio.gather(*map(ask, texts))
        for text, result, ents in zip(texts, results, expected, strict=True):
            assert result["length"] == len(text)
            assert [(e["start"], e["end"], e["label"]) for e in result["entities"]] == ents
            assert all(e["text"] == text[e["start"] : e["end"]] for e in result["entities"])
        assert (
            'xinzhi_batch_texts_bucket{le="1.0",model="m"} 0.0' in service.metrics.render().decode()
        )

    run(settings(models={"m": ours}), check)


def test_every_text_alone(ours: str) -> None:
    """Then an answer is the same to the last digit, whatever else is asked at the time."""
    texts = [f"{i}号居民李雷在上海看病" + "，上海很大" * (i % 5) for i in range(40)]

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        async def ask(text: str) -> bytes:
            return (await client.post("/v1/analyze", json={"text": text})).content

        alone = [await ask(text) for text in texts]
        assert await asyncio.gather(*map(ask, texts)) == alone
        assert len(json.loads(alone[0])["results"][0]["entities"][0].values()) == 5
        metrics = service.metrics.render().decode()
        assert 'xinzhi_batch_texts_bucket{le="1.0",model="m"} 80.0' in metrics
        assert 'xinzhi_batch_texts_count{model="m"} 80.0' in metrics

    run(settings(models={"m": ours}, deterministic=True, digits=16), check)


@pytest.mark.parametrize("precision", [None, "bf16"])
def test_precision(encoder_pipeline: str, precision: Any) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        shim = service.store.get("e", ANYONE).nlp.get_pipe("transformer").model.shims[0]
        assert shim.predict_precision == (precision or "fp32")
        query = {"text": "智慧城市", "candidates": ["智慧城市"]}
        assert (await client.post("/v1/similar", json=query)).json()["results"][0]["score"] > 0.999

    run(settings(models={"e": encoder_pipeline}, precision=precision), check)


def test_openapi_has_examples_and_limits(ruled: str) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        document = (await client.get("/openapi.json")).json()
        analyze = document["paths"]["/v1/analyze"]["post"]
        body = analyze["requestBody"]["content"]["application/json"]
        for example in body["examples"].values():
            assert (await client.post("/v1/analyze", json=example["value"])).status_code == 200
        assert body["schema"]["oneOf"][0]["properties"]["text"]["maxLength"] == 123
        assert set(analyze["responses"]) >= {"200", "401", "413", "429", "504"}
        lines = "application/x-ndjson"
        content = analyze["requestBody"]["content"][lines]["example"]
        sent = {"content": content.encode(), "headers": {"Content-Type": lines}}
        answered = (await client.post("/v1/analyze", **sent)).text.splitlines()
        shown = analyze["responses"]["200"]["content"][lines]["example"]
        assert json.loads(shown).keys() == json.loads(answered[0]).keys()

    run(settings(models={"m": ruled}, max_text_characters=123), check)
