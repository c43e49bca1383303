"""Loggers: what they write under both training loops; none of them stops training."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.cli.train import train as spacy_train
from spacy.training.loggers import console_logger_v3
from spacy.util import load_config

from xinzhi.training.loggers.base import OtherLog, guarded
from xinzhi.training.loggers.console import console_logger, time_left
from xinzhi.training.loggers.jsonl import cut, jsonl_logger
from xinzhi.training.loggers.samples import marked
from xinzhi.training.loggers.several import loggers
from xinzhi.training.loggers.values import flatten, scalars
from xinzhi.training.loggers.wrap import wrap_logger
from xinzhi.training.train import train

SEVERAL = {"@loggers": "xinzhi.Loggers.v1"}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def nlp() -> spacy.Language:
    nlp = spacy.blank("zh")
    nlp.config["training"].update({"max_steps": 20, "score_weights": {"ents_f": 1.0}})
    return nlp


def info(step: int, score: float | None = 0.5) -> dict[str, Any]:
    return {
        "epoch": 0,
        "step": step,
        "score": score,
        "other_scores": {"ents_f": 0.5, "ents_per_type": {"组织": {"f": 0.25}}, "auc": None},
        "losses": {"ner": 1.5},
        "checkpoints": [(0.5, step)],
        "seconds": 4,
        "words": 100,
        "documents": 30,
        "learn_rate": 0.001,
        "gradient_norm": 2.0,
        "step_losses": {"ner": 0.5},
        "time": {"data": 1.0, "update": 3.0, "optimiser": 1.0, "evaluation": 4.0, "saving": 1.0},
    }


def spacys(step: int, score: float | None = 0.5) -> dict[str, Any]:
    """What spaCy's own loop passes."""
    names = ["epoch", "step", "score", "other_scores", "losses", "checkpoints", "seconds", "words"]
    return {name: info(step, score)[name] for name in names}


def test_values() -> None:
    assert flatten({"a": 1, "b": {"c": 0.5, "d": {"e": 2.0}}, "n": None, "t": True}) == {
        "a": 1.0,
        "b/c": 0.5,
        "b/d/e": 2.0,
    }
    values = scalars(info(3))
    assert values["scores/ents_per_type/组织/f"] == 0.25
    assert values["time/evaluation"] == 0.4
    assert values["speed/documents_per_second"] == 6.0
    assert set(scalars(spacys(3))) == {"score", "scores/ents_f", "losses/ner"} | {
        "scores/ents_per_type/组织/f"
    }


def test_console_rows_are_spacys(nlp: spacy.Language) -> None:
    rows = []
    for make in (console_logger(), console_logger_v3()):
        out = io.StringIO()
        log_step, finish = make(nlp, out, io.StringIO())
        for step in range(3):
            log_step(spacys(step) if step != 1 else None)
        finish()
        rows.append(out.getvalue())
    assert rows[0] == rows[1]


def test_console_bar(nlp: spacy.Language) -> None:
    terminal = Terminal()
    log_step, finish = console_logger()(nlp, io.StringIO(), terminal)
    log_step.on_step(info(4))  # type: ignore[attr-defined]
    log_step(info(4))
    finish()
    bar = terminal.getvalue()
    for text in ("6.0 documents/s", "0:32 left", "evaluation 40%", "forward and backward 30%"):
        assert text in bar
    pipe = io.StringIO()
    console_logger()(nlp, io.StringIO(), pipe)[0](info(4))
    assert not pipe.getvalue()


def test_time_left() -> None:
    assert time_left(info(4), 20) == "0:32"
    assert time_left(info(0), 1200) == "3:20:00"
    assert time_left(info(4), 0) is None


def test_jsonl(nlp: spacy.Language, tmp_path: Path) -> None:
    path = tmp_path / "new" / "log.jsonl"
    log_step, finish = jsonl_logger(str(path))(nlp, io.StringIO(), io.StringIO())
    log_step(None)
    log_step(info(0))
    log_step(spacys(5))
    finish()
    start, first, second = [json.loads(line) for line in path.read_text("utf8").splitlines()]
    assert start["event"] == "start"
    assert first["scores"] == {"ents_f": 0.5, "ents_per_type/组织/f": 0.25}
    assert first["learn_rate"] == 0.001
    assert "learn_rate" not in second
    with path.open("a", encoding="utf8") as file:
        file.write('{"step": 10, "sc')  # killed in the middle of a line
    cut(path, 5)
    left = [json.loads(line) for line in path.read_text("utf8").splitlines()]
    assert [line.get("step") for line in left] == [None, 0]


class Failing:
    """A log that fails at a certain call."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.calls: list[str] = []
        self._note("start")

    def _note(self, name: str) -> None:
        self.calls.append(name)
        if name == self.where:
            raise ConnectionError("no\nserver")

    def __call__(self, info: Any) -> None:
        self._note("call")

    def on_step(self, info: Any) -> None:
        self._note("on_step")

    def finish(self) -> None:
        self._note("finish")


@pytest.mark.parametrize("where", ["start", "call", "on_step", "finish"])
def test_a_failure_is_one_warning(where: str, nlp: spacy.Language) -> None:
    made: list[Failing] = []

    def make(*_: Any) -> Any:
        made.append(Failing.__new__(Failing))
        made[0].__init__(where)  # type: ignore[misc]
        return made[0]

    stderr = io.StringIO()
    log_step, finish = guarded("my logger", make)(nlp, io.StringIO(), stderr)
    for step in range(3):
        log_step.on_step(info(step))  # type: ignore[attr-defined]
        log_step(info(step))
    finish()
    assert stderr.getvalue().count("⚠") == 1
    assert "my logger failed and is off from here on" in stderr.getvalue()
    assert "ConnectionError: no server" in stderr.getvalue()
    assert made[0].calls.count(where) == 1


def test_several_go_on_without_the_broken_one(nlp: spacy.Language, tmp_path: Path) -> None:
    def broken(*_: Any) -> Any:
        raise OSError("disk")

    path = tmp_path / "log.jsonl"
    stdout, stderr = io.StringIO(), io.StringIO()
    many = loggers(broken, console_logger_v3(), jsonl_logger(str(path)))
    log_step, finish = many(nlp, stdout, stderr)
    log_step(None)
    log_step(spacys(5))
    finish()
    assert "OSError: disk" in stderr.getvalue()
    assert stderr.getvalue().count("⚠") == 1
    assert "ENTS_F" in stdout.getvalue()
    assert '"step": 5' in path.read_text("utf8")


def test_loggers_of_others_get_what_spacy_gives(nlp: spacy.Language) -> None:
    seen: list[Any] = []

    def other(nlp: Any, stdout: Any, stderr: Any) -> tuple[Callable, Callable]:
        return seen.append, lambda: seen.append("end")

    log = OtherLog(other, nlp, sys.stdout, sys.stderr)
    log.on_step(info(0))
    log(None)
    log(info(1))
    log.finish()
    assert seen == [None, info(1), "end"]


@pytest.mark.parametrize(
    ("config", "rows", "also"),
    [
        ({"@loggers": "spacy.ConsoleLogger.v1"}, 1, False),
        ({"@loggers": "xinzhi.ConsoleLogger.v1"}, 1, False),
        ({"@loggers": "other.v1"}, 1, True),
        ({**SEVERAL, "*": {"a": {"@loggers": "spacy.ConsoleLogger.v3"}}}, 1, True),
    ],
)
def test_the_console_is_there_once(
    config: Any, rows: int, also: bool, nlp: spacy.Language, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    nlp.config["training"]["logger"] = config
    seen: list[Any] = []
    console = any("Console" in name for name in str(config).split("'"))
    given = console_logger() if console else lambda *_: (seen.append, lambda: None)
    stdout = io.StringIO()
    log_step, finish = wrap_logger(nlp)(given)(nlp, stdout, io.StringIO())
    log_step(spacys(5))
    finish()
    assert stdout.getvalue().count("ENTS_F") == rows
    assert bool(seen) is (also and not console)
    assert '"step": 5' in Path("log.jsonl").read_text("utf8")


def test_marked() -> None:
    doc = spacy.blank("zh")("北京*好* a|b")
    doc.set_ents([doc.char_span(0, 2, label="CITY")])
    doc.cats = {"s/pos": 0.9, "s/neg": 0.1}
    assert marked(doc) == "**北京** `CITY`\\*好\\* a\\|b `s/pos`"


LOGGERS = """
[training.logger]
@loggers = "xinzhi.Loggers.v1"

[training.logger.*]

[training.logger.*.console]
@loggers = "xinzhi.ConsoleLogger.v1"

[training.logger.*.log]
@loggers = "xinzhi.JsonlLogger.v1"
path = "own.jsonl"

[training.logger.*.board]
@loggers = "xinzhi.TensorBoardLogger.v1"
every = 2
histograms = true
samples = 2
"""


@pytest.fixture
def with_loggers(project: Path) -> Path:
    """The project with `loggers.cfg`: ours.cfg with three loggers."""
    config = load_config("ours.cfg", interpolate=False)
    del config["training"]["logger"]
    text = config.to_str(interpolate=False) + LOGGERS
    (project / "loggers.cfg").write_text(text, encoding="utf8")
    return project


def read_events(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"tensors": 0, "scalars": 0})
    events.Reload()
    return events


def texts(events: Any, tag: str) -> list[str]:
    tensors = events.Tensors(f"{tag}/text_summary")
    return [item.tensor_proto.string_val[0].decode("utf8") for item in tensors]


def test_tensorboard_files_read_back(with_loggers: Path) -> None:
    train("loggers.cfg", "out", overrides={"training.max_steps": 10})
    events = read_events(Path("out/run/tensorboard"))
    log = [json.loads(line) for line in Path("own.jsonl").read_text("utf8").splitlines()]
    logged = {line["step"]: line["score"] for line in log if "step" in line}
    scores = {item.step: item.value for item in events.Scalars("score")}
    assert scores == pytest.approx(logged)
    tags = events.Tags()
    assert {"scores/ents_per_type/CITY/f", "scores/cats_heads/s/per_label/pos/f"} <= set(
        tags["scalars"]
    )
    steps = [0, 2, 4, 6, 8, 10]
    for tag in ("train/learn_rate", "train/gradient_norm", "train/loss/xinzhi_ner"):
        assert [item.step for item in events.Scalars(tag)] == steps
    rates = [item.value for item in events.Scalars("train/learn_rate")]
    assert rates[:3] == pytest.approx([0.0, 0.002, 0.004])
    assert any(tag.startswith("weights/xinzhi_ner/") for tag in tags["histograms"])
    assert "xinzhi.Encoder.v1" in texts(events, "config")[0]
    assert len(texts(events, "samples")) == 3
    assert "`s/" in texts(events, "samples")[0]


def test_under_spacys_own_loop(with_loggers: Path) -> None:
    spacy_train("loggers.cfg", "out", overrides={"training.max_steps": 5})
    events = read_events(Path("tensorboard"))
    assert [item.step for item in events.Scalars("score")] == [0, 5]
    rates = [item.value for item in events.Scalars("train/learn_rate")]
    assert rates == pytest.approx([0.0, 0.004 * 35 / 36])
    assert '"step": 5' in Path("own.jsonl").read_text("utf8")


def test_broken_loggers_do_not_stop_training(
    with_loggers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("own.jsonl").mkdir()
    Path("file").write_text("")
    overrides = {
        "training.max_steps": 5,
        "training.logger.*.board.path": "file/board",
        "training.logger.*.log.path": "file/log.jsonl",
    }
    train("loggers.cfg", "out", overrides=overrides)
    err = capsys.readouterr().err
    assert err.count("⚠") == 2
    assert "xinzhi.TensorBoardLogger.v1 failed" in err
    assert "xinzhi.JsonlLogger.v1 failed" in err
    assert Path("out/run/log.jsonl").is_file()


def test_a_missing_package_is_a_warning(
    with_loggers: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    train("loggers.cfg", "out", overrides={"training.max_steps": 5})
    assert "pip install 'xinzhi[tensorboard]'" in capsys.readouterr().err
