"""The loop: the same weights as from spaCy's; after a stop, as if there had been none."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.cli.train import train as spacy_train
from spacy.training.initialize import init_nlp
from spacy.util import load_config

from xinzhi.errors import XinzhiError
from xinzhi.training.checkpoint import latest_checkpoint, read_state
from xinzhi.training.loop import CHECKPOINTS, Trainer
from xinzhi.training.settings import RunSettings
from xinzhi.training.weights import weights_hash

STOCK = pytest.param("stock.cfg", marks=pytest.mark.slow)
CONFIGS = ["ours.cfg", STOCK]


class Killed(BaseException):
    """Stands for kill -9: nothing in the library catches it."""


def trainer(
    config: str, output: str, every: int | None = None, epochs: bool = False, **overrides: Any
) -> Trainer:
    names = {name.replace("__", "."): value for name, value in overrides.items()}
    nlp = init_nlp(load_config(config, overrides=names, interpolate=False))
    Path(output).mkdir(exist_ok=True)
    return Trainer(
        nlp, Path(output), RunSettings(checkpoint_every=every, evaluate_every_epoch=epochs)
    )


def run(config: str, output: str, resume: bool = False, **settings: Any) -> Trainer:
    made = trainer(config, output, **settings)
    made.run(resume)
    return made


def stop_at(made: Trainer, step: int) -> None:
    """Train until a step, then stop as if killed in its middle."""

    def kill(nlp: Any, info: dict[str, int]) -> None:
        if info["step"] == step:
            raise Killed

    made.training["before_update"] = kill
    with pytest.raises(Killed):
        made.run()


@pytest.mark.parametrize("config", CONFIGS)
def test_the_same_weights_as_spacy(config: str, project: Path) -> None:
    run(config, "ours", training__eval_frequency=10)
    spacy_train(config, "theirs", overrides={"training.eval_frequency": 10})
    for name in ("model-best", "model-last"):
        ours, theirs = (spacy.load(Path(folder) / name) for folder in ("ours", "theirs"))
        assert weights_hash(ours) == weights_hash(theirs)
        assert ours.meta["performance"] == theirs.meta["performance"]


@pytest.mark.parametrize(
    ("config", "step", "every"),
    [
        ("ours.cfg", 8, 3),
        pytest.param("ours.cfg", 13, None, marks=pytest.mark.slow),
        pytest.param("ours.cfg", 13, 1, marks=pytest.mark.slow),
        pytest.param("stock.cfg", 13, None, marks=pytest.mark.slow),
    ],
)
def test_resumed_as_if_never_stopped(
    config: str, step: int, every: int | None, project: Path
) -> None:
    whole = run(config, "whole")
    stop_at(trainer(config, "parts", every), step)
    checkpoint = latest_checkpoint(Path("parts") / CHECKPOINTS)
    assert checkpoint is not None
    assert read_state(checkpoint)["step"] == {None: 10, 1: 12, 3: 6}[every]
    resumed = run(config, "parts", resume=True, every=every)
    assert weights_hash(resumed.nlp) == weights_hash(whole.nlp)
    assert resumed.progress.results == whole.progress.results
    assert resumed.progress.words == whole.progress.words
    best = (spacy.load(Path(folder) / "model-best") for folder in ("whole", "parts"))
    assert len({weights_hash(nlp) for nlp in best}) == 1


EPOCHS = {"epochs": True, "training__max_epochs": 3, "training__max_steps": 0}


def test_a_score_that_is_none_at_first_counts_later(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = trainer("ours.cfg", "out")
    made.training["score_weights"] = {"score_spearman": 1.0}
    scores = iter([None, 0.5, 0.75])
    monkeypatch.setattr(made.nlp, "evaluate", lambda _: {"score_spearman": next(scores)})
    assert [made._score()[0] for _ in range(3)] == [0.0, 0.5, 0.75]


def test_an_evaluation_at_the_end_of_each_epoch(project: Path) -> None:
    whole = run("ours.cfg", "whole", **EPOCHS)
    steps = [step for _, step in whole.progress.results]
    assert len(steps) == 3
    assert steps[-1] == whole.progress.step  # nothing is trained that is not evaluated
    stop_at(trainer("ours.cfg", "parts", 1, **EPOCHS), steps[0] + 2)
    resumed = run("ours.cfg", "parts", resume=True, every=1, **EPOCHS)
    assert weights_hash(resumed.nlp) == weights_hash(whole.nlp)
    assert resumed.progress.results == whole.progress.results


def test_an_evaluation_at_the_end_of_an_epoch_that_is_cut_short(project: Path) -> None:
    whole = run("ours.cfg", "whole", epochs=True, training__max_steps=2, training__patience=1)
    assert [step for _, step in whole.progress.results] == [2]


def test_a_stream_has_no_epochs(project: Path) -> None:
    with pytest.raises(XinzhiError, match="max_epochs = -1 streams"):
        trainer("ours.cfg", "out", epochs=True, training__max_epochs=-1)


def test_the_state_of_the_optimizer_is_restored(project: Path) -> None:
    stop_at(trainer("ours.cfg", "parts"), 8)
    stopped = trainer("ours.cfg", "again")
    stop_at(stopped, 6)
    resumed = trainer("ours.cfg", "parts")
    checkpoint = latest_checkpoint(Path("parts") / CHECKPOINTS)
    assert checkpoint is not None
    resumed._resume(checkpoint)
    assert resumed.optimizer.learn_rate == stopped.optimizer.learn_rate
    assert sum(resumed.optimizer.nr_update.values()) == sum(stopped.optimizer.nr_update.values())
    for moment in ("mom1", "mom2"):
        before, after = getattr(stopped.optimizer, moment), getattr(resumed.optimizer, moment)
        assert sorted(abs(v).sum() for v in before.values()) == sorted(
            abs(v).sum() for v in after.values()
        )
        assert all(value.any() for value in after.values())


@pytest.mark.slow
def test_killed_between_checkpoint_and_pipeline(project: Path) -> None:
    """The checkpoint of the best step is there, its model-best is not yet."""
    whole = run("ours.cfg", "whole")
    best = max(whole.progress.results)[1]
    made = trainer("ours.cfg", "parts")
    save = made._save_pipeline

    def kill(is_best: bool) -> None:
        if made.progress.step == best:
            raise Killed
        save(is_best)

    made._save_pipeline = kill  # type: ignore[method-assign]
    with pytest.raises(Killed):
        made.run()
    run("ours.cfg", "parts", resume=True)
    nlps = [spacy.load(Path(folder) / "model-best") for folder in ("whole", "parts")]
    assert weights_hash(nlps[0]) == weights_hash(nlps[1])
    assert nlps[0].meta["performance"] == nlps[1].meta["performance"]


def test_an_unfinished_checkpoint_does_not_count(project: Path) -> None:
    stop_at(trainer("ours.cfg", "parts"), 6)
    folder = Path("parts") / CHECKPOINTS
    complete = latest_checkpoint(folder)
    assert complete is not None
    shutil.copytree(complete, folder / ".step-00000012")
    assert latest_checkpoint(folder) == complete
    assert latest_checkpoint(Path("nowhere")) is None


@pytest.mark.slow
def test_a_streamed_corpus_goes_on_where_it_was(project: Path) -> None:
    whole = run("ours.cfg", "whole", training__max_epochs=-1)
    stop_at(trainer("ours.cfg", "parts", training__max_epochs=-1), 13)
    resumed = run("ours.cfg", "parts", resume=True, training__max_epochs=-1)
    assert weights_hash(resumed.nlp) == weights_hash(whole.nlp)


def test_epochs_end(project: Path) -> None:
    settings = {"training__max_epochs": 2, "training__max_steps": 0}
    made = trainer("ours.cfg", "out", training__eval_frequency=100, **settings)
    assert made.run().reason == "training.max_epochs = 2"
    assert made.progress.documents == 80


def test_nothing_is_trained_after_the_end(project: Path) -> None:
    whole = trainer("ours.cfg", "out", training__max_steps=5)
    whole.run()
    again = trainer("ours.cfg", "out", training__max_steps=5)
    assert again.run(resume=True).step == 5
    assert weights_hash(again.nlp) == weights_hash(whole.nlp)
