"""Changing the version of a model while it is served."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

from xinzhi.errors import XinzhiError
from xinzhi.serving.keys import new_key
from xinzhi.serving.manifest import Manifest
from xinzhi.serving.service import Service
from xinzhi.serving.settings import ApiKey, ServeSettings
from xinzhi.serving.sources import Source

from .util import code_of, rules, run, saved

KEY, DIGEST = new_key()
ADMIN = ApiKey(name="admin", sha256=DIGEST, admin=True)
TEXTS = ["在杭州和上海"] * 20
LABELS = {"1.9.0": "旧", "1.10.0": "新"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("versions")
    for version, label in LABELS.items():
        saved(rules(version, label), folder / version)
    broken = folder / "2.0.0"
    shutil.copytree(folder / "1.9.0", broken)
    (broken / "config.cfg").write_text("[nlp\n", encoding="utf8")
    (folder / "notes").mkdir()
    return folder


def settings(made: Path, tmp_path: Path, **values: Any) -> ServeSettings:
    manifest = tmp_path / "manifest.json"
    if not manifest.exists():
        manifest.write_text('{"m": {"version": "1.9.0"}}', encoding="utf8")
    return ServeSettings(
        models={"m": str(made)}, manifest=manifest, keys=[ADMIN], watch_seconds=0.05, **values
    )


async def version_of(client: httpx.AsyncClient) -> str:
    """The version of one answer; all of its results must be of that version."""
    response = await client.post("/v1/analyze", json={"texts": TEXTS})
    assert response.status_code == 200
    reply = response.json()
    labels = {e["label"] for result in reply["results"] for e in result["entities"]}
    assert labels == {LABELS[reply["model"]["version"]]}, "an answer mixes versions"
    return reply["model"]["version"]


async def until(client: httpx.AsyncClient, version: str) -> None:
    for _ in range(200):
        if await version_of(client) == version:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{version} was never served")


def test_change_and_roll_back_under_load(made: Path, tmp_path: Path) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        client.headers["X-API-Key"] = KEY
        seen: list[str] = []
        stop = asyncio.Event()

        async def load() -> None:
            while not stop.is_set():
                seen.append(await version_of(client))

        callers = [asyncio.ensure_future(load()) for _ in range(8)]
        await asyncio.sleep(0.2)
        change = await client.post("/v1/admin/models/m", json={"version": "1.10.0"})
        assert change.json() == {"model": {"name": "m", "version": "1.10.0"}}
        assert await version_of(client) == "1.10.0"
        assert Manifest(tmp_path / "manifest.json").read() == {
            "m": {"version": "1.10.0", "previous": "1.9.0"}
        }
        back = await client.post("/v1/admin/models/m/rollback")
        assert back.json()["model"]["version"] == "1.9.0"
        assert await version_of(client) == "1.9.0"
        stop.set()
        await asyncio.gather(*callers)
        assert set(seen) == {"1.9.0", "1.10.0"}
        models = (await client.get("/v1/models")).json()["models"]
        assert models == [
            {"name": "m", "version": "1.9.0", "versions": ["1.9.0", "1.10.0", "2.0.0"]}
        ]

    run(settings(made, tmp_path), check)


def test_what_is_refused_changes_nothing(made: Path, tmp_path: Path) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        client.headers["X-API-Key"] = KEY

        async def change(version: Any) -> tuple[int, str]:
            return code_of(await client.post("/v1/admin/models/m", json={"version": version}))

        for outside in ("../1.9.0", str(made / "1.9.0"), "notes", "", ".", "1.9.0/"):
            assert await change(outside) in ((404, "unknown_version"), (422, "invalid_request"))
        assert await change("2.0.0") == (409, "version_refused")
        assert await change(1) == (422, "invalid_request")
        none = await client.post("/v1/admin/models/x", json={"version": "1.9.0"})
        assert code_of(none) == (404, "unknown_model")
        back = await client.post("/v1/admin/models/m/rollback")
        assert code_of(back) == (409, "no_previous_version")
        assert await version_of(client) == "1.9.0"

    run(settings(made, tmp_path), check)


def test_the_manifest_is_followed(made: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"

    def write(text: str) -> None:
        work = tmp_path / "new"
        work.write_text(text, encoding="utf8")
        work.replace(manifest)

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        client.headers["X-API-Key"] = KEY
        assert await version_of(client) == "1.9.0"
        write('{"m": {"version": "1.10.0"}}')
        await until(client, "1.10.0")
        for wrong in (
            '{"m": {"version": "2.0.0"}}',
            '{"m": {"version": "9"}}',
            '{"m": 1}',
            "[",
            "[]",
        ):
            write(wrong)
            await asyncio.sleep(0.2)
            assert await version_of(client) == "1.10.0"
        write('{"m": {"version": "1.9.0"}}')
        await until(client, "1.9.0")

    run(settings(made, tmp_path), check)


def test_a_link_that_is_pointed_elsewhere_is_followed(made: Path, tmp_path: Path) -> None:
    current = tmp_path / "current"
    current.symlink_to(made / "1.9.0")

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        assert await version_of(client) == "1.9.0"
        (tmp_path / "next").symlink_to(made / "1.10.0")
        (tmp_path / "next").replace(current)
        await until(client, "1.10.0")

    run(ServeSettings(models={"m": str(current)}, watch_seconds=0.05), check)


def test_a_model_is_renewed_after_many_texts(ruled: str) -> None:
    async def check(client: httpx.AsyncClient, service: Service) -> None:
        first = service.store.get("m", _anyone()).nlp
        for _ in range(100):
            response = await client.post("/v1/analyze", json={"texts": ["杭州"] * 50})
            assert response.status_code == 200
            if service.store.get("m", _anyone()).nlp is not first:
                return
            await asyncio.sleep(0.05)
        raise AssertionError("it was never loaded anew")

    run(ServeSettings(models={"m": ruled}, watch_seconds=0.05, renew_after_texts=100), check)


def _anyone() -> Any:
    from xinzhi.serving.keys import ANYONE

    return ANYONE


def test_the_newest_version_is_served_without_a_manifest(made: Path, tmp_path: Path) -> None:
    source = Source("m", str(made))
    assert list(source.versions()) == ["1.9.0", "1.10.0", "2.0.0"]
    assert source.locate(None).version == "2.0.0"
    with pytest.raises(XinzhiError, match="has no version 'x'"):
        source.locate("x")
    with pytest.raises(XinzhiError, match="holds no pipeline"):
        Source("m", str(made / "notes")).locate(None)


def test_a_manifest_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    assert Manifest(path).version("m") is None
    path.write_text(json.dumps({"m": {"version": 3}}), encoding="utf8")
    with pytest.raises(XinzhiError, match="'m' has no version"):
        Manifest(path).version("m")


def test_a_gpu_that_is_not_there_is_one_message(ruled: str) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        raise AssertionError("it started")

    with pytest.raises(SystemExit):
        run(ServeSettings(models={"m": ruled}, gpu_ids=[0]), check)
