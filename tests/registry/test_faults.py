"""Two who promote at once, a kill -9 in mid-promotion, a roll-back under a service."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from spacy.language import Language

from tests.serving.util import rules, run, saved
from xinzhi.registry import Registry
from xinzhi.serving.manifest import Manifest
from xinzhi.serving.service import Service
from xinzhi.serving.settings import ServeSettings

SPAWN = multiprocessing.get_context("spawn")
LABELS = {"1": "旧", "2": "新"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with two versions of `m`, of which the first is promoted."""
    folder = tmp_path_factory.mktemp("registry")
    registry = Registry(folder / "registry")
    for version, label in LABELS.items():
        registry.add(save(rules(version, label), folder / version), "m")
    registry.promote("m", "1")
    return registry.root


def save(nlp: Language, path: Path) -> Path:
    saved(nlp, path)
    return path


def promote_in_turn(root: str, name: str, versions: list[str]) -> None:
    for version in versions:
        Registry(Path(root)).promote(name, version)


def promote_forever(root: str, name: str) -> None:
    while True:
        promote_in_turn(root, name, ["2", "1"])


@pytest.mark.slow
def test_two_promote_at_once(made: Path) -> None:
    registry = Registry(made)
    jobs = [(str(made), "m", ["2", "1"] * 6), (str(made), "m", ["1", "2"] * 6)]
    processes = [SPAWN.Process(target=promote_in_turn, args=job) for job in jobs]
    for process in processes:
        process.start()
    while any(process.is_alive() for process in processes):
        assert registry.current("m") in LABELS  # never half written
        assert registry.path("m").is_dir()
        time.sleep(0.02)
    assert [process.exitcode for process in processes] == [0, 0]
    served = registry.current("m")
    assert registry.manifest.previous("m") == {"1": "2", "2": "1"}[str(served)]
    assert registry.roll_back("m") != served


@pytest.mark.slow
def test_killed_at_any_moment_of_a_promotion(made: Path) -> None:
    registry = Registry(made)
    moments = random.Random(0)
    for _ in range(3):
        before = (made / "manifest.json").stat().st_mtime_ns
        process = SPAWN.Process(target=promote_forever, args=(str(made), "m"))
        process.start()
        while (made / "manifest.json").stat().st_mtime_ns == before:
            assert process.is_alive()
            time.sleep(0.01)
        time.sleep(moments.uniform(0.0, 0.1))
        process.kill()
        process.join()
        served = str(registry.current("m"))
        other = {"1": "2", "2": "1"}[served]
        registry.promote("m", other)  # the lock has gone with the process
        assert registry.current("m") == other
        assert registry.roll_back("m") == served
        assert [version.version for version in registry.versions("m")] == ["1", "2"]


def test_rolled_back_while_it_is_served(made: Path) -> None:
    """Requests go on all the time: none fails, none mixes two versions."""
    registry = Registry(made)
    registry.promote("m", "1")
    registry.promote("m", "2")
    settings = ServeSettings(
        models={"m": str(made / "m")}, manifest=made / "manifest.json", watch_seconds=0.05
    )

    async def version(client: httpx.AsyncClient) -> str:
        response = await client.post("/v1/analyze", json={"texts": ["在杭州和上海"] * 10})
        assert response.status_code == 200
        reply: Any = response.json()
        labels = {e["label"] for result in reply["results"] for e in result["entities"]}
        assert labels == {LABELS[reply["model"]["version"]]}
        return reply["model"]["version"]

    async def until(client: httpx.AsyncClient, wanted: str) -> None:
        end = time.monotonic() + 20
        while await version(client) != wanted:
            assert time.monotonic() < end, f"version {wanted} was never served"

    async def check(client: httpx.AsyncClient, service: Service) -> None:
        await until(client, "2")
        assert registry.roll_back("m") == "1"
        await until(client, "1")
        registry.promote("m", "2")
        assert registry.roll_back("m") == "1"  # at once: what is served now is served on
        await asyncio.sleep(0.3)
        assert await version(client) == "1"

    run(settings, check)


def test_a_change_within_the_same_tick_of_the_clock_is_seen(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path / "manifest.json")
    stamps = set()
    for version in ("1", "2"):
        manifest.write("m", version, version)
        os.utime(manifest.path, ns=(0, 0))
        stamps.add(manifest.stamp())
    assert len(stamps) == 2
