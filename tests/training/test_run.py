"""What `xinzhi train` adds to spaCy's training: records, resume, guards, memory, repeats."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
import torch
from spacy.language import Language
from spacy.training.initialize import init_nlp
from spacy.util import load_config

from xinzhi.errors import XinzhiError
from xinzhi.training import out_of_memory
from xinzhi.training.loop import Trainer
from xinzhi.training.out_of_memory import is_out_of_memory
from xinzhi.training.repeats import describe_spread, summarise, train_repeats
from xinzhi.training.settings import RunSettings
from xinzhi.training.train import best_score, train
from xinzhi.training.weights import named_weights, weights_hash

Overrides = dict[str, Any]


def register(name: str, step: int, action: Any) -> Overrides:
    """Register a callback that does something at one step; returns the overrides that use it."""

    def at_step(nlp: Any, info: dict[str, int]) -> None:
        if info["step"] == step:
            action(nlp)

    spacy.registry.callbacks.register(name, func=lambda: at_step)
    return {"training.before_update": {"@callbacks": name}}


def fail(nlp: Any) -> None:
    raise KeyboardInterrupt


def record(output: str) -> dict[str, Any]:
    return srsly.read_json(f"{output}/run/run.json")


def log(output: str) -> list[dict[str, Any]]:
    lines = Path(output, "run", "log.jsonl").read_text(encoding="utf8").splitlines()
    return [json.loads(line) for line in lines]


def test_the_record_of_a_run(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    best = train("ours.cfg", "out")
    run = record("out")
    assert run["status"] == "finished"
    assert run["reason"] == "training.max_steps = 20"
    assert run["best_score"] == pytest.approx(best_score(best)["score"])
    assert run["versions"]["spacy"] == spacy.__version__
    assert set(run["data"]) == {"train.spacy", "dev.spacy"}
    assert run["weights_sha256"] == weights_hash(spacy.load("out/model-last"))
    steps = [line for line in log("out") if "step" in line]
    assert [line["step"] for line in steps] == [0, 5, 10, 15, 20]
    assert set(steps[1]["time"]) == {"data", "update", "optimiser", "evaluation", "saving"}
    assert steps[1]["gradient_norm"] > 0
    assert steps[1]["documents_per_second"] > 0
    assert any(name.startswith("ents_per_type/CITY/") for name in steps[-1]["scores"])
    assert any(name.startswith("cats_heads/s/per_label/pos/") for name in steps[-1]["scores"])
    text = capsys.readouterr().out
    assert "Ended at step 20: training.max_steps = 20." in text
    assert "Time: data " in text
    assert not Path("out/unfinished").exists()


def test_resume_after_an_interruption(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train("ours.cfg", "whole", overrides={"training.max_steps": 10})
    capsys.readouterr()
    short = {"training.max_steps": 10}
    with pytest.raises(KeyboardInterrupt):
        train("ours.cfg", "out", overrides={**register("test_interrupt", 8, fail), **short})
    assert "same command with --resume" in capsys.readouterr().out
    train(
        "ours.cfg", "out", overrides={**register("test_interrupt", 99, fail), **short}, resume=True
    )
    assert "Going on after step 5." in capsys.readouterr().out
    assert record("out")["weights_sha256"] == record("whole")["weights_sha256"]
    assert [item["step"] for item in record("out")["resumed"]] == [5]
    lines = log("out")
    assert [line["step"] for line in lines if "step" in line] == [0, 5, 10]
    assert [line["event"] for line in lines if "event" in line] == ["start", "resume"]


def test_resume_is_refused_if_something_has_changed(project: Path) -> None:
    interrupted = register("test_changed", 8, fail)
    with pytest.raises(KeyboardInterrupt):
        train("ours.cfg", "out", overrides=interrupted)
    with pytest.raises(XinzhiError, match=r"training\.dropout = 0\.1, now it is 0\.3"):
        train("ours.cfg", "out", overrides={**interrupted, "training.dropout": 0.3}, resume=True)
    before = Path("train.spacy").read_bytes()
    Path("train.spacy").write_bytes(Path("dev.spacy").read_bytes())
    with pytest.raises(XinzhiError, match=r"train\.spacy is not what"):
        train("ours.cfg", "out", overrides=interrupted, resume=True, ignore_lint=True)
    Path("train.spacy").write_bytes(before)
    more = {**register("test_changed", 99, fail), "training.max_steps": 7}
    train("ours.cfg", "out", overrides=more, resume=True)
    assert record("out")["steps"] == 7


def test_resume_without_anything_to_resume(project: Path) -> None:
    overrides = {"training.max_steps": 5}
    train("ours.cfg", "out", overrides=overrides, resume=True)
    with pytest.raises(XinzhiError, match="the last one has ended"):
        train("ours.cfg", "out", overrides=overrides, resume=True)


def test_nan_stops_training_and_keeps_the_best(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def break_weights(nlp: Any) -> None:
        for name, _, weight in named_weights(nlp):
            if name.startswith("transformer/"):
                weight.data.fill_(math.nan)

    overrides = {**register("test_nan", 12, break_weights), "training.max_steps": 15}
    train("ours.cfg", "out", overrides=overrides)
    run = record("out")
    assert run["broken"]
    assert "nan at step 12" in run["reason"]
    assert run["best_step"] < 12
    assert "Training was stopped" in capsys.readouterr().out
    weights = [weight.data for _, _, weight in named_weights(spacy.load("out/model-best"))]
    assert all(bool(weight.isfinite().all()) for weight in weights)


def spike() -> Iterator[float]:
    yield from [0.004] * 10
    yield from [50.0] * 1000


def test_a_learning_rate_spike_stops_training(project: Path) -> None:
    spacy.registry.schedules.register("test_spike", func=spike)
    overrides = {
        "training.max_steps": 200,
        "training.optimizer.learn_rate": {"@schedules": "test_spike"},
    }
    train("ours.cfg", "out", overrides=overrides)
    run = record("out")
    assert run["broken"]
    assert run["steps"] < 60
    assert run["best_step"] <= 10
    assert "jumped from" in run["reason"]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, on overflow
def test_broken_before_anything_was_learned(project: Path) -> None:
    overrides = {"training.optimizer.learn_rate": 1e30}
    with pytest.raises(XinzhiError, match="Until then nothing had been learned") as error:
        train("ours.cfg", "out", overrides=overrides, ignore_lint=True)
    assert "learning rate" in error.value.next_step


def test_patience_in_evaluations(project: Path) -> None:
    train("ours.cfg", "out", overrides={"run.patience": 1, "training.max_steps": 200})
    run = record("out")
    assert run["reason"] == "no better score in 1 evaluation (run.patience)"
    scores = [line["score"] for line in log("out") if "step" in line]
    assert scores[-1] <= max(scores[:-1])


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
            True,
        ),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate"), True),
        (RuntimeError("shape mismatch"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_out_of_memory_is_recognised(error: BaseException, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def limit_memory(monkeypatch: pytest.MonkeyPatch, documents: int) -> list[int]:
    """Let an update of more than so many documents fail in its backward pass."""
    update, sizes = Language.update, []

    def update_or_fail(self: Language, examples: list[Any], **kwargs: Any) -> Any:
        losses = update(self, examples, **kwargs)
        if len(examples) > documents:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: 1 byte")
        sizes.append(len(examples))
        return losses

    monkeypatch.setattr(Language, "update", update_or_fail)
    monkeypatch.setattr(out_of_memory, "free_memory", lambda: None)  # there is enough
    return sizes


def test_a_batch_that_does_not_fit_is_halved(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = limit_memory(monkeypatch, 3)
    train("ours.cfg", "out", overrides={"training.max_steps": 6})
    assert max(sizes) <= 3
    assert sum(sizes) >= log("out")[-1]["documents"] > 20
    lines = [line for line in capsys.readouterr().out.splitlines() if "Out of memory" in line]
    assert len(lines) == 2
    assert "at step 0, on a batch of" in lines[0]
    assert "record" in lines[0]
    assert "(a.jsonl:" in lines[0]
    assert "4 parts" in lines[1]
    assert record("out")["steps"] == 6


def test_a_document_that_does_not_fit(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit_memory(monkeypatch, 0)
    with pytest.raises(XinzhiError, match=r"Out of memory at step 0, on a batch of .* record"):
        train("ours.cfg", "out")


def test_an_evaluation_that_does_not_fit(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate = Language.evaluate

    def evaluate_or_fail(self: Language, examples: Any, **kwargs: Any) -> Any:
        if self.batch_size > 500:
            raise MemoryError
        return evaluate(self, examples, **kwargs)

    monkeypatch.setattr(Language, "evaluate", evaluate_or_fail)
    train("ours.cfg", "out", overrides={"training.max_steps": 5})
    text = capsys.readouterr().out
    assert text.count("Out of memory in the evaluation at step 0") == text.count("Out of memory")
    assert "500 documents at a time" in text


def test_repeats(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overrides = {"training.max_steps": 5, "training.seed": 3}
    summary = train_repeats("ours.cfg", "out", 2, overrides=overrides)
    assert [run["seed"] for run in summary["runs"]] == [3, 4]
    hashes = {record(f"out/repeat-{i}")["weights_sha256"] for i in (1, 2)}
    assert len(hashes) == 2
    scores = [run["score"] for run in summary["runs"]]
    assert summary["scores"]["score"]["max"] == max(scores)
    assert best_score(Path("out/model-best"))["score"] == pytest.approx(max(scores))
    assert json.loads(Path("out/repeats.json").read_text("utf8")) == summary
    capsys.readouterr()
    assert train_repeats("ours.cfg", "out", 2, overrides=overrides, resume=True) == summary
    assert "Repeat" not in capsys.readouterr().out  # both were finished


def test_summary() -> None:
    runs = [
        {"folder": f"repeat-{i}", "seed": i, "score": score, "scores": {"ents_f": score / 2}}
        for i, score in enumerate([0.5, 0.7, 0.6])
    ]
    summary = summarise(runs)
    assert summary["best"] == "repeat-1"
    assert summary["scores"]["score"] == pytest.approx(
        {"mean": 0.6, "sd": 0.1, "min": 0.5, "max": 0.7}
    )
    assert describe_spread(summary["scores"])[0] == "score: 0.6000 ± 0.1000 (from 0.5000 to 0.7000)"
    assert summarise(runs[:1])["scores"]["ents_f"]["sd"] == 0.0


def test_deterministic(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("out", "again"):
        train("ours.cfg", name, overrides={"training.max_steps": 5}, deterministic=True)
    digest = record("out")["weights_sha256"]
    assert record("again")["weights_sha256"] == digest
    assert capsys.readouterr().out.count(f"SHA-256: {digest}") == 2
    assert not torch.are_deterministic_algorithms_enabled()


def test_lint_errors_stop_training(project: Path) -> None:
    with pytest.raises(XinzhiError, match="patience-unit") as error:
        train("ours.cfg", "out", overrides={"training.patience": 2})
    assert "--ignore-lint" in str(error.value)
    assert not Path("out").exists()
    train("ours.cfg", "out", overrides={"training.patience": 2}, ignore_lint=True)
    assert record("out")["steps"] == 2


def test_run_settings_in_the_config(project: Path) -> None:
    with Path("ours.cfg").open("a", encoding="utf8") as file:
        file.write("\n[run]\npatience = 1\n")
    overrides = {"training.max_steps": 10, "run.patience": None, "run.checkpoint_every": 3}
    train("ours.cfg", "out", overrides=overrides)
    assert record("out")["steps"] == 10
    run = spacy.load("out/model-best").config["run"]
    assert run == {"patience": None, "checkpoint_every": 3}


def command(*args: str) -> list[str]:
    return [sys.executable, "-m", "xinzhi", "train", "ours.cfg", *args]


def environment(hash_seed: str) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": hash_seed, "PYTHONUTF8": "1"}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 on this system")
def test_kill_9_and_resume(project: Path) -> None:
    """Killed at any moment, resumed in a new process: the very same weights and scores."""
    train("ours.cfg", "whole", deterministic=True)
    log_path = Path("out/unfinished/run/log.jsonl")
    with subprocess.Popen(command("-o", "out"), env=environment("2")) as process:
        while not (log_path.is_file() and '"step": 5' in log_path.read_text("utf8")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert not Path("out/model-best").exists()
    done = subprocess.run(
        command("-o", "out", "--resume", "--deterministic"),
        env=environment("3"),
        capture_output=True,
        encoding="utf8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert record("out")["resumed"]
    digest = record("whole")["weights_sha256"]
    assert digest in done.stdout
    assert record("out")["weights_sha256"] == digest
    assert record("out")["best_score"] == record("whole")["best_score"]
    assert best_score(Path("out/model-best")) == best_score(Path("whole/model-best"))


def test_one_score_collapses(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The others hold: a warning, once, and training goes on."""

    cats = iter([0.8, 0.7, 0.1, 0.1, 0.1])
    made = Trainer(init_nlp(load_config("ours.cfg")), Path("out"), RunSettings())
    made._score = lambda: (0.5, {"ents_f": 0.5, "cats_score": next(cats)})
    Path("out").mkdir()
    assert not made.run().broken
    text = capsys.readouterr().out
    assert text.count("⚠ cats_score: the score fell from 0.8000 to 0.1000, 0.1000") == 1
    assert "ents_f:" not in text
