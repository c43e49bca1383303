"""The training loop of one of several processes.

All of them read the same corpus, draw the same batches and make the same steps; they differ in
which part of a batch they compute. The first one evaluates, saves and logs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from random import randrange
from typing import Any

from spacy.language import Language
from thinc.api import fix_random_seed

from ..batches import Batch
from ..loop import Broken, Info, Trainer, check
from ..settings import RunSettings
from ..weights import weights_hash
from .gradients import copy_weights
from .group import Group
from .update import SharedUpdater


class SharedTrainer(Trainer):
    """As `Trainer`; the weights after a step are the same in every process.

    group (Group): The processes.
    """

    def __init__(
        self,
        nlp: Language,
        folder: Path,
        settings: RunSettings,
        *,
        group: Group,
        wrap_logger: Callable[[Callable], Callable] = lambda logger: logger,
        **options: Any,
    ) -> None:
        wrap = wrap_logger if group.is_first else silent
        super().__init__(nlp, folder, settings, wrap_logger=wrap, **options)
        seed = self.training["seed"]
        if seed is None:
            seed = group.tell(randrange(2**31))
            fix_random_seed(seed)
        self.group = group
        self.updater: SharedUpdater = SharedUpdater(nlp, self.training, group, seed)
        self.stream.apart = True

    def _run_steps(self, position: dict[str, Any] | None, log_step: Callable) -> str:
        """RAISES (XinzhiError): The processes do not begin at the same step."""
        how = "Name a folder with -o that all machines share under the same path."
        self.group.check_same(self.progress.step, "The last checkpoint", how)
        if position is None:
            copy_weights(self.nlp, self.group)
        return super()._run_steps(position, log_step)

    def _exchange(self) -> None:
        with self.watch.time("exchange"):
            self.updater.exchange()

    def _evaluate(self, batch: Batch, losses: dict[str, float]) -> tuple[float, dict[str, float]]:
        """The first process evaluates, the others learn the score."""
        how = "Use machines of one kind: another processor may round the same steps differently."
        self.group.check_same(weights_hash(self.nlp), "The hash of the weights", how)
        said: Info = {}
        if self.group.is_first:
            try:
                said["scores"] = super()._evaluate(batch, losses)
            except Broken as error:
                said["broken"] = str(error)
        said = self.group.tell(said)
        check(said.get("broken"))
        score, scores = said["scores"]
        return score, scores

    def _checkpoint(self, info: Info | None) -> None:
        if self.group.is_first:
            super()._checkpoint(info)

    def _save_pipeline(self, is_best: bool) -> None:
        if self.group.is_first:
            super()._save_pipeline(is_best)


def silent(logger: Any) -> Any:
    """RETURNS (Callable): A logger that logs nothing, in place of another one."""

    def set_up(nlp: Language, stdout: Any = sys.stdout, stderr: Any = sys.stderr) -> Any:
        return lambda info: None, lambda: None

    return set_up
