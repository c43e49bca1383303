"""The scripts that burden a service, in short, on services in processes of their own."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import spacy

from xinzhi.apps.faq import Embedder

from .applications import build_database, build_index, build_recommender, write_rules
from .leaks import write_plugin
from .util import rules, saved

CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance")
HOOKS = """
import json
import schemathesis

@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    return value if isinstance(value, bytes) else json.dumps(value).encode()
"""
SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="module")
def scripts() -> Iterator[dict[str, Any]]:
    """The scripts as modules."""
    names = ("loopback", "soak", "load", "poison")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        yield {name: importlib.import_module(name) for name in names}
    for name in names:
        del sys.modules[name]


@pytest.fixture(scope="module")
def url(
    scripts: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
    ours: str,
    tiny_encoder: Callable[..., Path],
) -> Iterator[str]:
    """A service: a sound pipeline of rules, one of ours, two with leaks; all applications."""
    folder = tmp_path_factory.mktemp("burden")
    plugin = write_plugin(folder / "plugin")
    models = [f"sound={saved(rules(), folder / 'sound')}", f"ours={ours}"]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(plugin))
        importlib.import_module("leaks")
        for name in ("keep_strings", "keep_results"):
            nlp = spacy.blank("zh")
            nlp.add_pipe(name)
            models.append(f"{name}={saved(nlp, folder / name)}")
    environment = {"PYTHONPATH": str(plugin), "OMP_NUM_THREADS": "1"}
    encoder = tiny_encoder()
    index = build_index(folder / "index", encoder)
    database = build_database(folder / "posts.duckdb")
    routing = write_rules(folder / "rules.yml")
    recommender = build_recommender(folder / "recommender", Embedder.load(str(encoder)).encode)
    options = [*models, "--faq", str(index), "--monitor", str(database)]
    options += ["--desk", str(routing), "--set", "desk_model=ours"]
    options += ["--recommend", str(recommender), "--set", f"recommend_encoder={encoder}"]
    with scripts["loopback"].service(*options, environment=environment) as url:
        yield url


@pytest.mark.slow
def test_a_short_soak_tells_a_leak(scripts: dict[str, Any], url: str) -> None:
    """Few requests with long texts: what is kept of each shows."""
    soak = scripts["soak"].soak
    options = {"requests": 150, "warm_up": 40, "clients": 8, "characters": 2000}
    reports = {
        model: asyncio.run(soak(url, model=model, **options))
        for model in ("sound", "ours", "keep_strings", "keep_results")
    }
    assert [report.errors for report in reports.values()] == [[]] * 4
    growth = {name: (r.memory_growth, r.string_growth) for name, r in reports.items()}
    assert reports["sound"].passed, growth
    assert reports["ours"].passed, growth
    assert growth["keep_strings"][1] > 0.5
    assert growth["keep_results"][1] == 0
    assert not reports["keep_strings"].passed
    assert not reports["keep_results"].passed


@pytest.mark.slow
def test_many_clients_and_poison(scripts: dict[str, Any], url: str) -> None:
    rng = random.Random(0)
    texts = ["杭州上线智慧停车平台。", "Hangzhou 😀", ""]
    texts += [scripts["loopback"].random_text(rng, rng.randint(1, 200)) for _ in range(60)]
    expected = asyncio.run(scripts["load"].ask_each(url, texts))
    first = json.loads(expected[texts[0]])
    assert first["results"][0]["entities"][0]["text"] == "杭州"
    load = scripts["load"].Load()
    asyncio.run(scripts["load"].ask_all(url, texts, clients=16, requests=15, load=load))
    verdict = scripts["load"].judge(load, expected, scripts["load"].TOLERANCE)
    assert (len(load.seconds), verdict.wrong, verdict.failed) == (240, 0, {})
    assert 0 < load.service_cpu < 60
    verdict, wrong = asyncio.run(scripts["poison"].mix(url, expected))
    assert (verdict.wrong, verdict.failed, wrong) == (0, {}, [])
    assert verdict.identical == 63


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("schemathesis") is None, reason="schemathesis is not installed"
)
def test_no_made_up_request_gets_a_500(url: str, tmp_path: Path) -> None:
    """schemathesis makes requests from the OpenAPI document, valid and invalid ones."""
    (tmp_path / "ndjson.py").write_text(HOOKS)
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"]
    command += ["--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing"]
    command += ["--max-examples", "5", "--seed", "1", "--no-color"]
    hooks = {"SCHEMATHESIS_HOOKS": "ndjson", "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        command,
        env={**os.environ, **hooks},
        cwd=tmp_path,
        capture_output=True,
        encoding="utf8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"(\d+) generated", done.stdout)[1]) > 50


def test_difference(scripts: dict[str, Any]) -> None:
    difference = scripts["load"].difference
    assert difference({"a": [1.0, "x"]}, {"a": [1.25, "x"]}) == 0.25
    for other in ({"a": [1.0]}, {"b": [1.0, "x"]}, {"a": [1.0, "y"]}, {"a": [1, "x", 2]}):
        assert difference({"a": [1.0, "x"]}, other) == float("inf")


def test_a_wrong_answer_is_told(scripts: dict[str, Any]) -> None:
    verdict = scripts["load"].Verdict()
    right = b'{"a": [0.5, "x"]}'
    for body in (right, b'{"a": [0.5001, "x"]}', b'{"a": [0.6, "x"]}', b'{"a": [0.5, "y"]}'):
        verdict.add(200, body, right, tolerance=0.001)
    verdict.add(503, right, right)
    assert (verdict.identical, verdict.close, verdict.far, verdict.others) == (1, 1, 1, 1)
    assert verdict.largest == pytest.approx(0.1)
    assert (verdict.wrong, verdict.failed) == (2, {503: 1})


def test_metrics_and_percentiles(scripts: dict[str, Any]) -> None:
    loopback = scripts["loopback"]
    text = '# HELP a b\na_total{x="1"} 2.0\na_total{x="2, 3"} 3.0\nb 1.5e+06\n'
    assert loopback.read_metrics(text) == {"a_total": 5.0, "b": 1.5e6}
    assert [loopback.percentile([3, 1, 2, 4], p) for p in (0, 50, 99, 100)] == [1, 3, 4, 4]


@pytest.mark.parametrize("address", ["http://192.168.1.5:8000", "https://127.example.com"])
def test_only_this_machine_is_burdened(scripts: dict[str, Any], address: str) -> None:
    with pytest.raises(SystemExit, match="loopback"):
        scripts["loopback"].check_loopback(address)
    assert scripts["loopback"].check_loopback("http://[::1]:8000/") == "http://[::1]:8000"
