"""Where settings come from, and which are refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from xinzhi.cli import app
from xinzhi.errors import XinzhiError
from xinzhi.serving.settings import load_settings, name_of, read_flags


def load(config: Path | None = None, **flags: Any) -> Any:
    return load_settings(config, {"models": {"m": "p"}, **flags})


def test_flags_before_environment_before_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "serve.yaml"
    config.write_text("port: 1\nworkers: 2\nmax_texts: 3\nmodels: {n: q}\n", encoding="utf8")
    monkeypatch.setenv("XINZHI_SERVE_PORT", "10")
    monkeypatch.setenv("XINZHI_SERVE_WORKERS", "20")
    monkeypatch.setenv("XINZHI_SERVE_CORS_ORIGINS", '["https://a.example"]')
    settings = load(config, port=100)
    assert (settings.port, settings.workers, settings.max_texts) == (100, 20, 3)
    assert settings.cors_origins == ["https://a.example"]
    assert settings.models == {"m": "p", "n": "q"}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"port": 70000}, "setting port = 70000 is not valid"),
        ({"nope": 1}, "setting nope = 1 is not valid"),
        ({"host": "0.0.0.0"}, "opens the service to other machines"),
        ({"host": "example.org"}, "opens the service to other machines"),
        ({"default_model": "x"}, "is not among the models"),
        ({"gpu_ids": [0, 1]}, "a GPU takes one worker"),
        ({"gpu_ids": [0, 0], "workers": 2}, "must be different numbers"),
        ({"keys": [{"name": "a", "sha256": "x"}]}, "setting keys.0.sha256 = 'x' is not valid"),
        ({"keys": [{"name": "a", "sha256": "0" * 64, "models": ["x"]}]}, "not served: 'x'"),
        ({"keys": [{"name": "a", "sha256": "0" * 64}] * 2}, "two keys have the same name"),
        (
            {"keys": [{"name": n, "sha256": "0" * 64} for n in "ab"]},
            "two keys have the same sha256",
        ),
        ({"keys": [{"name": "a", "sha256": hashlib.sha256().hexdigest()}]}, "of nothing"),
    ],
)
def test_wrong_values_are_named(flags: dict[str, Any], message: str) -> None:
    with pytest.raises(XinzhiError, match=message.replace(".", r"\.")):
        load(**flags)


def test_other_machines_need_a_key_or_a_decision() -> None:
    for host in ("127.0.0.1", "127.0.0.5", "::1", "localhost"):
        load(host=host)
    load(host="0.0.0.0", anonymous=True)
    load(host="0.0.0.0", keys=[{"name": "a", "sha256": "0" * 64}])


@pytest.mark.parametrize("text", ["- a", "a: [", "3"])
def test_files_that_hold_no_settings(text: str, tmp_path: Path) -> None:
    config = tmp_path / "serve.yaml"
    config.write_text(text, encoding="utf8")
    with pytest.raises(XinzhiError):
        load(config)


def test_broken_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XINZHI_SERVE_MODELS", "{")
    with pytest.raises(XinzhiError, match="as JSON"):
        load()


def test_a_misspelt_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XINZHI_SERVE_LOG_LEVEL", "error")
    assert load_settings(None, {"models": {"a": "a"}}).log_level == "error"
    monkeypatch.setenv("XINZHI_SERVE_KEY", "[]")
    with pytest.raises(XinzhiError, match="XINZHI_SERVE_KEY is set, but there is no setting key"):
        load_settings(None, {"models": {"a": "a"}})


def test_names_of_pipelines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    best = tmp_path / "smartcity" / "model-best"
    best.mkdir(parents=True)
    assert name_of("a=b/c") == ("a", "b/c")
    assert name_of("zh_smartcity") == ("zh_smartcity", "zh_smartcity")
    assert name_of(str(best)) == ("smartcity", str(best))
    monkeypatch.chdir(best.parent)
    assert name_of("model-best") == ("smartcity", "model-best")
    with pytest.raises(XinzhiError, match="Two pipelines are called 'a'"):
        read_flags({}, ["a=x", "a=y"], [])
    assert read_flags({"gpu_ids": [0, 1]}, [], ["max_texts=7", "cors_origins=[https://a]"]) == {
        "gpu_ids": [0, 1],
        "workers": 2,
        "max_texts": 7,
        "cors_origins": ["https://a"],
    }


def test_dry_run_prints_all_settings_without_secrets(tmp_path: Path) -> None:
    config = tmp_path / "serve.yaml"
    digest = "ab" * 32
    config.write_text(f"keys: [{{name: alice, sha256: '{digest}'}}]", encoding="utf8")
    options = ["serve", "m=folder", "--config", str(config), "--dry-run", "--port", "81"]
    result = CliRunner().invoke(app, [*options, "--set", "max_wait_ms=2.5"])
    assert result.exit_code == 0, result.output
    shown = json.loads(result.output)
    assert (shown["port"], shown["max_wait_ms"], shown["host"]) == (81, 2.5, "127.0.0.1")
    assert digest not in result.output
    assert shown["keys"][0]["sha256"] == "abababab…"


def test_new_keys_are_shown_once_and_hashed() -> None:
    results = [CliRunner().invoke(app, ["serve", "--new-key", "alice"]) for _ in range(2)]
    keys = [result.stderr.split()[-1] for result in results]
    assert keys[0] != keys[1]
    entry = json.loads(results[0].stdout)
    assert entry["sha256"] == hashlib.sha256(keys[0].encode()).hexdigest()
    assert keys[0] not in results[0].stdout
    assert len(keys[0]) >= 43


def test_errors_are_one_message() -> None:
    result = CliRunner().invoke(app, ["serve", "--dry-run", "--host", "0.0.0.0"])
    assert result.exit_code == 1
    assert "✘ host = '0.0.0.0' opens the service" in result.output
