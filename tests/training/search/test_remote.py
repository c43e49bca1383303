"""Trials that ask a keeper for their values, as on a Ray cluster; with Ray where it is there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from xinzhi.errors import XinzhiError
from xinzhi.training.search import search as search_module
from xinzhi.training.search.remote import Keeper, work_for
from xinzhi.training.search.search import search

from .test_search import SPACE, FakeTraining, config, stored, training

pytest.importorskip("optuna")
__all__ = ["config", "training"]  # fixtures


class Lost(BaseException):
    """Stands for a worker whose machine is gone."""


def run_here(job: Any, lost: int | None = None) -> None:
    """As `run_on_ray`, with one worker in this process; its `lost`-th report is its last."""
    keeper, reports = Keeper(job), 0

    def ask(name: str, *arguments: Any) -> Any:
        nonlocal reports, lost
        reports += name == "report"
        if reports == lost:
            lost = None
            raise Lost
        return json.loads(json.dumps(getattr(keeper, name)(*arguments)))

    try:
        work_for(ask, job, 0)
    except Lost:
        work_for(ask, job, 0)


def run(monkeypatch: pytest.MonkeyPatch, output: str, lost: int | None = None) -> dict[str, Any]:
    engine = lambda job, study: run_here(job, lost)  # noqa: E731
    monkeypatch.setitem(search_module.ENGINES, "ray", engine)
    return search("search.cfg", output, engine="ray")


def test_the_same_results_as_here(
    config: str, training: FakeTraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = run(monkeypatch, "remote")
    local = search("search.cfg", "local")
    assert [sorted(trial) for trial in remote["trials"]] == [sorted(t) for t in local["trials"]]
    assert [trial["number"] for trial in remote["trials"]] == list(range(6))
    assert {trial["state"] for trial in remote["trials"]} <= {"complete", "pruned"}
    values = [json.dumps(trial["values"]) for trial in remote["trials"]]
    assert len(set(values)) == 6
    files = [sorted(p.name for p in Path(name).iterdir()) for name in ("remote", "local")]
    assert files[0] == files[1]
    saved = [json.loads(Path(n, "search.json").read_text("utf8")) for n in ("remote", "local")]
    assert set(saved[0]) == set(saved[1])


def test_a_lost_worker_goes_on_with_its_trial(
    config: str, training: FakeTraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(monkeypatch, "out", lost=7)
    folders = [folder for _, folder in training.calls]
    again = [folder for folder in folders if folders.count(folder) > 1]
    assert len(again) == 2  # begun, lost, and done again in its folder
    assert len({json.dumps(values) for values, _ in training.calls}) == 6
    assert sum(trial.state.name == "FAIL" for trial in stored("out")) == 1
    assert len([t for t in result["trials"] if t["state"] in ("complete", "pruned")]) == 6


def test_a_failed_trial_is_told(
    config: str, training: FakeTraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    training.fail_at, training.error = 2, XinzhiError("no memory")
    result = run(monkeypatch, "out")
    assert [t["error"] for t in result["trials"] if t["error"]] == ["no memory"]


def test_no_such_engine(config: str) -> None:
    with pytest.raises(XinzhiError, match="no engine 'spark'"):
        search("search.cfg", "out", engine="spark")


@pytest.mark.slow
def test_on_ray(project: Path) -> None:
    pytest.importorskip("ray")
    text = Path("ours.cfg").read_text(encoding="utf8") + SPACE
    Path("search.cfg").write_text(text, encoding="utf8")
    options = ["--engine", "ray", "--workers", "2", "--trials", "2", "--training.max_steps", "5"]
    run = [sys.executable, "-m", "xinzhi", "search", "search.cfg", "-o", "out", *options]
    done = subprocess.run(run, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result = json.loads(Path("out/search.json").read_text("utf8"))
    assert [trial["number"] for trial in result["trials"]] == [0, 1]
    assert Path("out/best.cfg").is_file()
