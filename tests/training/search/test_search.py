"""The search itself: no trial twice, pruning, workers, the end; with faked and real trainings."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from spacy.util import load_config
from typer.testing import CliRunner

from xinzhi.cli import app
from xinzhi.errors import XinzhiError
from xinzhi.files import write_json
from xinzhi.training.repeats import summarise
from xinzhi.training.search import compare
from xinzhi.training.search import trial as trial_module
from xinzhi.training.search.charts import history_chart, importance_chart
from xinzhi.training.search.compare import judge
from xinzhi.training.search.search import search
from xinzhi.training.search.study import NAME
from xinzhi.training.train import NothingLearned, train

optuna = pytest.importorskip("optuna")
SPACE = """
[search]
trials = 6
startup = 3
repeats = 0

[search.space]

[search.space.training]

[search.space.training.dropout]
low = 0.0
high = 0.5

[search.space.components]

[search.space.components.xinzhi_ner]

[search.space.components.xinzhi_ner.model]

[search.space.components.xinzhi_ner.model.hidden_width]
choices = [8, 16, 32]
"""
WIDTH = "components.xinzhi_ner.model.hidden_width"


@pytest.fixture
def config(project: Path) -> str:
    """The name of a config with a search space."""
    text = Path("ours.cfg").read_text(encoding="utf8") + SPACE
    Path("search.cfg").write_text(text, encoding="utf8")
    return "search.cfg"


class FakeTraining:
    """Stands for `train`: the score is a function of the values, reported in four steps."""

    def __init__(self) -> None:
        self.calls: list[tuple[dict[str, Any], str]] = []
        self.fail_at: int | None = None
        self.error: BaseException = KeyboardInterrupt()

    def __call__(self, config: Path, folder: Path, gpu: int, values: Any, **options: Any) -> Path:
        self.calls.append((values, folder.name))
        if len(self.calls) == self.fail_at:
            raise self.error
        score = 0.9 - abs(values["training.dropout"] - 0.3) - abs(values[WIDTH] - 16) / 100
        results: list[tuple[float, int]] = []
        reason = "training.max_steps = 20"
        for step in (0, 5, 10, 15, 20):
            results.append((score * step / 20, step))
            stop = options["should_stop"]({"checkpoints": results, "step": step})
            if stop:
                reason = stop
                break
        record = {"status": "finished", "best_score": results[-1][0], "reason": reason}
        write_json(folder / "run" / "run.json", record)
        (folder / "model-best").mkdir()
        return folder


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> FakeTraining:
    fake = FakeTraining()
    monkeypatch.setattr(trial_module, "train", fake)
    return fake


def stored(output: str) -> list[Any]:
    study = optuna.load_study(study_name=NAME, storage=f"sqlite:///{output}/study.db")
    return study.get_trials()


@pytest.fixture(scope="module")
def done(made_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A finished search of 12 trials: folder, result, and the values that were trained."""
    folder = tmp_path_factory.mktemp("search")
    shutil.copytree(made_project, folder, dirs_exist_ok=True)
    fake = FakeTraining()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(trial_module, "train", fake)
        text = Path("ours.cfg").read_text(encoding="utf8") + SPACE
        Path("search.cfg").write_text(text, encoding="utf8")
        result = search("search.cfg", "out", overrides={"training.seed": 5}, trials=12)
    return folder / "out", result, [values for values, _ in fake.calls]


def test_finds_the_best(done: Any) -> None:
    output, result, values = done
    assert len(values) == 12
    assert values[0] == {"training.dropout": 0.1, WIDTH: 16}  # the default
    best = next(t for t in result["trials"] if t["number"] == result["best"])
    complete = [t["score"] for t in result["trials"] if t["state"] == "complete"]
    assert best["score"] == max(complete)
    assert best["score"] > 0.8
    written = load_config(output / "best.cfg")
    assert written["training"]["dropout"] == best["values"]["training.dropout"]
    assert written["components"]["xinzhi_ner"]["model"]["hidden_width"] == best["values"][WIDTH]
    assert written["training"]["seed"] == 5
    assert "search" not in written
    assert set(result["importance"]) == {"training.dropout", WIDTH}
    assert not list((output / "trials").glob("*/model-*"))
    saved = json.loads((output / "search.json").read_text("utf8"))
    assert saved["best"] == result["best"]


def test_bad_trials_are_pruned(done: Any) -> None:
    _, result, _ = done
    pruned = [t for t in result["trials"] if t["state"] == "pruned"]
    assert pruned
    best = max(t["score"] for t in result["trials"] if t["state"] == "complete")
    assert all(t["score"] < best for t in pruned)


def test_the_report_needs_nothing_else(done: Any) -> None:
    page = (done[0] / "report.html").read_text("utf8")
    assert "http" not in page
    assert "<script" not in page
    assert page.count("<svg") == 2
    assert "prefers-color-scheme: dark" in page
    assert page.count("<circle") == 12


def test_random_values_and_halving(config: str, training: FakeTraining) -> None:
    text = Path(config).read_text("utf8")
    text = text.replace("startup = 3", 'sampler = "random"\npruner = "halving"')
    Path(config).write_text(text, encoding="utf8")
    states = [t["state"] for t in search(config, "out", trials=7)["trials"]]
    assert "pruned" in states
    assert "complete" in states


def test_stopped_and_resumed(config: str, training: FakeTraining) -> None:
    training.fail_at = 3
    with pytest.raises(KeyboardInterrupt):
        search(config, "out")
    assert [t.state.name for t in stored("out")].count("RUNNING") == 1
    result = search(config, "out", trials=4)
    assert len(result["trials"]) == 4
    assert len(training.calls) == 5
    interrupted, again = training.calls[2], training.calls[3]
    assert interrupted == again  # the same values in the same folder, where its checkpoint is
    search(config, "out", trials=5)
    assert len(training.calls) == 6
    assert len({json.dumps(values) for values, _ in training.calls}) == 5


def test_a_small_space_is_exhausted(config: str, training: FakeTraining) -> None:
    text = Path(config).read_text("utf8").replace("low = 0.0\nhigh = 0.5", "choices = [0.1, 0.2]")
    text = text.replace("startup = 3", 'pruner = "none"').replace("[8, 16, 32]", "[8, 16]")
    Path(config).write_text(text, encoding="utf8")
    result = search(config, "out", trials=50)
    assert [t["state"] for t in result["trials"]] == ["complete"] * 4
    assert len(training.calls) == 4


def test_failed_trials(config: str, training: FakeTraining, capsys: Any) -> None:
    training.fail_at, training.error = 2, XinzhiError("Out of memory.", "Use less.")
    result = search(config, "out", trials=3)
    failed = [t for t in result["trials"] if t["state"] == "fail"]
    assert [t["error"] for t in failed] == ["Out of memory."]
    assert len(result["trials"]) == len(training.calls) == 3
    assert "failed. Out of memory." in capsys.readouterr().out


def test_nothing_learned_scores_0(config: str, training: FakeTraining) -> None:
    training.fail_at, training.error = 2, NothingLearned("It broke.", "Lower the rate.")
    result = search(config, "out", trials=2)
    assert result["trials"][1]["score"] == 0.0
    assert result["trials"][1]["state"] == "complete"


def test_only_failures(config: str, training: FakeTraining, monkeypatch: Any) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise ValueError("nothing works")

    monkeypatch.setattr(trial_module, "train", broken)
    with pytest.raises(XinzhiError, match=r"No trial was completed\..*nothing works"):
        search(config, "out", trials=2)


def test_another_config_in_the_same_folder(config: str, training: FakeTraining) -> None:
    search(config, "out", trials=2)
    with pytest.raises(XinzhiError, match="started from another config"):
        search(config, "out", overrides={"training.seed": 1})
    text = Path(config).read_text("utf8").replace("high = 0.5", "high = 0.4")
    Path(config).write_text(text, encoding="utf8")
    with pytest.raises(XinzhiError, match="another search space"):
        search(config, "out")


def test_optuna_is_missing(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(XinzhiError, match="optuna") as error:
        search(config, "out")
    assert "xinzhi[search]" in error.value.next_step


def test_compared_with_the_default(
    config: str, training: FakeTraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[tuple[Any, ...]] = []

    def repeats(path: Path, folder: Path, count: int, gpu_id: int, **options: Any) -> Any:
        trained.append((path.name, folder.name, count, options["first_seed"]))
        best = path.name == "best.cfg"
        scores = [0.85 + 0.01 * i if best else 0.6 + 0.01 * i for i in range(count)]
        runs = [
            {"folder": str(i), "seed": i, "score": score, "scores": {}}
            for i, score in enumerate(scores)
        ]
        return summarise(runs)

    monkeypatch.setattr(compare, "train_repeats", repeats)
    result = search(config, "out", overrides={"training.seed": 4}, repeats=3, trials=4)
    assert trained == [("default.cfg", "default", 3, 5), ("best.cfg", "best", 3, 5)]
    assert result["comparison"]["better"]
    page = result["report"].read_text("utf8")
    assert result["comparison"]["verdict"].split(".")[0] in page
    assert "0.8600" in page


@pytest.mark.parametrize(
    ("default", "best", "searched", "better", "within", "words"),
    [
        ([0.60, 0.61, 0.60], [0.70, 0.71, 0.705], 0.708, True, True, "is better than the default"),
        ([0.60, 0.66, 0.63], [0.64, 0.60, 0.68], 0.67, False, True, "No proven progress"),
        ([0.60, 0.61, 0.60], [0.70, 0.71, 0.705], 0.80, True, False, "expect 0.7050"),
        ([0.60, 0.61, 0.60], [0.70, 0.71, 0.705], 0.72, True, True, "lucky seed too: expect 0.70"),
        ([0.6, 0.6], [0.7, 0.7], 0.7, True, True, "is better"),
        ([0.6, 0.6], [0.6, 0.6], 0.6, False, True, "No proven progress"),
        ([0.6], [0.7], 0.7, False, True, "One seed says nothing"),
    ],
)
def test_verdict(
    default: list[float], best: list[float], searched: float, better: bool, within: bool, words: str
) -> None:
    result = judge(default, best, searched)
    assert result["better"] is better
    assert result["retrained_within"] is within
    assert words in result["verdict"]


def test_the_interval_is_welchs() -> None:
    """Against the formula by hand: two samples of three."""
    result = judge([0.60, 0.62, 0.64], [0.70, 0.71, 0.75], 0.7)
    low, high = result["interval"]
    assert result["difference"] == pytest.approx(0.1)
    assert (low + high) / 2 == pytest.approx(0.1)
    assert high - low == pytest.approx(2 * 0.0553, abs=2e-3)


def test_what_another_seed_may_give() -> None:
    """Three scores: 4.303 standard deviations times the square root of 4/3."""
    low, high = judge([0.6, 0.61, 0.62], [0.70, 0.72, 0.74], 0.7)["expected"]
    assert (low + high) / 2 == pytest.approx(0.72)
    assert high - low == pytest.approx(2 * 4.303 * 0.02 * (4 / 3) ** 0.5, abs=1e-4)


def test_charts() -> None:
    svg = history_chart([(0, 0.5, "complete"), (1, 0.4, "pruned"), (2, 0.6, "complete")])
    assert svg.count("<circle") == 3
    line = re.search(r'class="best" points="([^"]*)"', svg)
    assert line is not None
    heights = [float(corner.split(",")[1]) for corner in line[1].split()]
    assert len(heights) == 4  # at 0.5 up to trial 2, then at 0.6
    assert heights[0] == heights[1] > heights[2] == heights[3]
    bars = importance_chart({"training.dropout": 0.25, "a<b": 0.75})
    assert bars.index("a&lt;b") < bars.index("training.dropout")
    assert "75%" in bars
    assert "No trial" in history_chart([])
    assert "Too few" in importance_chart({})


def smartcity(folder: Path, encoder: Path) -> Path:
    """Convert some of the smartcity texts; write a config with a search space."""
    from xinzhi.corpora.convert import convert

    root = Path(__file__).parents[3]
    files = []
    for split, count in (("train", 60), ("dev", 20)):
        lines = (root / "assets/smartcity" / f"{split}.jsonl").read_text("utf8").splitlines(True)
        files.append(folder / f"{split}.jsonl")
        files[-1].write_text("".join(lines[:count]), encoding="utf8")
    convert(files, folder / "city", lang="zh")
    space = SPACE.replace("low = 0.0\nhigh = 0.5", "choices = [0.0, 0.1, 0.2]")
    text = (root / "configs" / "tiny.cfg").read_text("utf8") + space
    (folder / "city.cfg").write_text(text, encoding="utf8")
    return folder / "city.cfg"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 on this system")
def test_killed_and_resumed_on_smartcity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_encoder: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    config = smartcity(tmp_path, tiny_encoder())
    names = {"train": "city/train.spacy", "dev": "city/dev.spacy", "encoder": str(tiny_encoder())}
    overrides = [part for name, path in names.items() for part in (f"--paths.{name}", path)]
    command = ["search", str(config), "-o", "out", "--trials", "3", "--repeats", "0", *overrides]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}
    python = [sys.executable, "-m", "xinzhi"]
    with subprocess.Popen([*python, *command], env=env, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if line.startswith(b"trial 0"))
        while not list(Path("out/trials/0001").glob("unfinished/checkpoints/step-*")):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    before = {t.number: t.params for t in stored("out")}
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "1 of 3 trials are there, 1 to go on with." in result.output
    assert "Going on after step" in Path("out/trials/0001.log").read_text("utf8")
    after = [t.params for t in stored("out") if t.state.name in ("COMPLETE", "PRUNED")]
    assert after[:2] == [before[0], before[1]]
    assert len({json.dumps(params, sort_keys=True) for params in after}) == len(after) == 3
    assert "✔ out" in result.output
    found = json.loads(Path("out/search.json").read_text("utf8"))
    best = next(t for t in found["trials"] if t["number"] == found["best"])
    again = train("out/best.cfg", "again", ignore_lint=True)
    record = json.loads((again.parent / "run" / "run.json").read_text("utf8"))
    assert record["best_score"] == pytest.approx(best["score"], abs=1e-6)  # same seed, same score


@pytest.mark.slow
def test_two_workers(config: str) -> None:
    overrides = {"training.max_steps": 5, "training.optimizer.learn_rate.total_steps": 5}
    result = search(config, "out", overrides=overrides, workers=2, trials=3)
    values = [json.dumps(t["values"], sort_keys=True) for t in result["trials"]]
    assert len(set(values)) == len(values) == 3
    assert {t["state"] for t in result["trials"]} <= {"complete", "pruned"}
