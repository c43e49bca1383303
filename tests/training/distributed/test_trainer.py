"""The loop of one of several processes, on its own: what a checkpoint must keep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from spacy.training.initialize import init_nlp
from spacy.util import load_config

from xinzhi.training.distributed.group import ALONE
from xinzhi.training.distributed.trainer import SharedTrainer
from xinzhi.training.settings import RunSettings
from xinzhi.training.weights import weights_hash


class Killed(BaseException):
    """Stands for kill -9: nothing in the library catches it."""


def trainer(output: str) -> SharedTrainer:
    overrides = {"training.max_steps": 10, "training.eval_frequency": 10}
    nlp = init_nlp(load_config("ours.cfg", overrides=overrides, interpolate=False))
    Path(output).mkdir(exist_ok=True)
    return SharedTrainer(nlp, Path(output), RunSettings(checkpoint_every=2), group=ALONE)


def test_resumed_as_if_never_stopped(project: Path) -> None:
    """The checkpoint of the first process is all that the others have, so dropout must not depend
    on a random state that it lacks."""
    whole = trainer("whole")
    whole.run()
    stopped = trainer("parts")

    def kill(nlp: Any, info: dict[str, int]) -> None:
        if info["step"] == 7:
            raise Killed

    stopped.training["before_update"] = kill
    with pytest.raises(Killed):
        stopped.run()
    resumed = trainer("parts")
    resumed.run(resume=True)
    assert weights_hash(resumed.nlp) == weights_hash(whole.nlp)
    assert resumed.progress.results == whole.progress.results
