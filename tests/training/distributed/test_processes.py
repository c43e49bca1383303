"""Two real processes: the result of one, an ordinary pipeline, and what happens after kill -9."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import spacy
from typer.testing import CliRunner

from xinzhi.cli import app
from xinzhi.training.distributed.group import ALONE, joined_group
from xinzhi.training.train import train
from xinzhi.training.weights import named_weights, weights_hash

from .conftest import without_dropout

PAIR = ["--nproc", "2", "--deterministic"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def command(output: str, *arguments: str, config: str = "ours.cfg") -> list[str]:
    return [sys.executable, "-m", "xinzhi", "train", config, "-o", output, *PAIR, *arguments]


def run(output: str, *arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(output, *arguments, **settings), env=ENVIRONMENT, capture_output=True, text=True
    )


def lines(output: str) -> list[dict[str, Any]]:
    text = Path(output, "run", "log.jsonl").read_text("utf8")
    found = [json.loads(line) for line in text.splitlines()]
    return [line for line in found if "step" in line]


def test_alone_there_is_no_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "2")  # some other tool's
    with joined_group(on_gpu=False) as group:
        assert group is ALONE
        assert group.tell({"a": 1.5}) == {"a": 1.5}
        assert not group.any(False)


def test_what_does_not_go_together(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = ["train", "ours.cfg", "-o", "out", "--nproc", "2"]
    result = CliRunner().invoke(app, [*start, "--repeats", "2"])
    assert result.exit_code == 1
    assert "--repeats 2 and 2 processes" in result.stderr
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    result = CliRunner().invoke(app, start)
    assert result.exit_code == 1
    assert "torchrun has started the processes" in result.stderr


@pytest.fixture(scope="module")
def pair(made_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which two processes have trained, without dropout, to the folder two."""
    folder = tmp_path_factory.mktemp("pair")
    shutil.copytree(made_project, folder, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        settings = [f"--{name}={value}" for name, value in without_dropout().items()]
        for _ in range(3):  # the port that torch has found free may be another's by now
            done = run("two", *settings, "--max-restarts", "0")
            if done.returncode == 0:
                break
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Initialising") == 1  # only the first process prints
    return folder


@pytest.mark.slow
def test_two_processes_make_what_one_makes(pair: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pair)
    train("ours.cfg", "one", overrides={**without_dropout(), "run.checkpoint_every": 2})
    assert sorted(path.name for path in Path("two").iterdir()) == [
        "model-best",
        "model-last",
        "run",
    ]
    one, two = (spacy.load(Path(folder) / "model-last") for folder in ("one", "two"))
    for (name, _, a), (_, _, b) in zip(named_weights(one), named_weights(two), strict=True):
        difference = float(abs(a.detach() - b.detach()).max())
        assert difference < 2e-3, name  # Adam: the first steps are as long for any small gradient
    for ours, theirs in zip(lines("two"), lines("one"), strict=True):
        assert ours["step"] == theirs["step"]
        assert ours["score"] == pytest.approx(theirs["score"], abs=0.05)
        assert ours["losses"] == pytest.approx(theirs["losses"], rel=0.05)
    assert "exchange" in lines("two")[-1]["time"]


@pytest.mark.slow
def test_a_killed_process_costs_only_the_steps_since_the_checkpoint(
    pair: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pair)
    settings = {**without_dropout(), "run.checkpoint_every": 2}
    arguments = [f"--{name}={value}" for name, value in settings.items()]
    process = subprocess.Popen(command("parts", *arguments), env=ENVIRONMENT)
    kill_second(process.pid, after=Path("parts/unfinished/checkpoints"))
    assert process.wait(timeout=300) == 0
    record = json.loads(Path("parts/run/run.json").read_text("utf8"))
    assert record["status"] == "finished"
    assert len(record["resumed"]) == 1
    one, two = (spacy.load(Path(folder) / "model-last") for folder in ("two", "parts"))
    assert weights_hash(one) == weights_hash(two)


def kill_second(launcher: int, after: Path) -> None:
    """Kill -9 the process of rank 1 as soon as there is a checkpoint of step 4 or later."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if any(int(path.name[5:]) >= 4 for path in after.glob("step-*")):
            for pid in children(launcher):
                environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
                if b"RANK=1" in environment:
                    os.kill(pid, signal.SIGKILL)
                    return
        time.sleep(0.02)
    raise AssertionError("no checkpoint in two minutes")


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.slow
def test_an_error_of_the_user_is_said_once_and_not_tried_again(project: Path) -> None:
    done = run("out", "--components.xinzhi_ner.threshold=7.5")
    assert done.returncode == 1
    assert done.stderr.count("✘") == 1
    assert "threshold" in done.stderr
    assert "Traceback" not in done.stderr
