"""One trial: a training with some settings, cut short if it has fallen behind; and workers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from multiprocessing import parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import XinzhiError
from ..loop import Info
from ..output_folder import taking_turns
from ..run_record import FOLDER as RUN
from ..run_record import read_record
from ..train import NothingLearned, train
from .space import SearchSettings
from .study import ERROR, FOLDER, next_trial, open_study

if TYPE_CHECKING:
    from optuna import Study, Trial

TRIALS, LOCK = "trials", "asking.lock"
PRUNED = "pruned"


@dataclass(frozen=True)
class Job:
    """What a worker needs.

    config_path (Path): The config without [search].
    output (Path): The folder of the search.
    settings (SearchSettings): The settings of the search.
    gpu_id (int): The number of the GPU, -1 for the CPU.
    workers (int): How many workers there are.
    eval_frequency, max_steps (int): As in [training].
    """

    config_path: Path
    output: Path
    settings: SearchSettings
    gpu_id: int
    workers: int
    eval_frequency: int
    max_steps: int

    def open_study(self, worker: int = 0) -> Study:
        """RETURNS (Study): The study of the search."""
        return open_study(
            self.output,
            self.settings,
            worker=worker,
            eval_frequency=self.eval_frequency,
            max_steps=self.max_steps,
        )

    def next_trial(self, study: Study) -> Trial | None:
        """RETURNS (Trial): See `study.next_trial`; one worker at a time asks, as SQLite does not
        keep two from taking the same."""
        with taking_turns(self.output / LOCK):
            return next_trial(study, self.settings.space, self.settings.trials)


def work_beside_others(job: Job, worker: int) -> None:
    """Be one of several workers, in a process of its own.

    job (Job): The search.
    worker (int): Number of this worker.
    """
    import torch

    torch.set_num_threads(max(1, (os.cpu_count() or 1) // job.workers))
    work(job, job.open_study(worker))


def work(job: Job, study: Study) -> None:
    """Run trials until there are enough.

    job (Job): The search.
    study (Study): Its study.
    """
    while trial := job.next_trial(study):
        run_trial(job, study, trial)


def run_trial(job: Job, study: Study, trial: Trial) -> None:
    """Train with the values of a trial, and tell the study how it went.

    What training prints goes to a file beside the trial's folder, which keeps the record of the
    run; the pipelines are removed.
    """
    from optuna.trial import TrialState

    folder = job.output / TRIALS / trial.user_attrs.get(FOLDER, f"{trial.number:04d}")
    trial.set_user_attr(FOLDER, folder.name)
    folder.mkdir(parents=True, exist_ok=True)
    values = {item.name: item.decode(trial.params[item.name]) for item in job.settings.space}
    try:
        with (
            folder.with_suffix(".log").open("a", encoding="utf8") as file,
            redirect_stdout(file),
            redirect_stderr(file),
        ):
            score, pruned = train_trial(job, folder, values, reporter(trial))
    except Exception as error:
        fact = error.fact if isinstance(error, XinzhiError) else f"{type(error).__name__}: {error}"
        trial.set_user_attr(ERROR, fact)
        study.tell(trial, state=TrialState.FAIL)
        print(f"trial {trial.number}: failed. {fact}", flush=True)
        return
    if pruned:
        study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, score)
    said = ", ".join(f"{name} = {value!r}" for name, value in values.items())
    print(f"trial {trial.number}: {score:.4f}{' (pruned)' * pruned}, {said}", flush=True)


def train_trial(
    job: Job, folder: Path, values: dict[str, Any], should_stop: Callable[[Info], str | None]
) -> tuple[float, bool]:
    """RETURNS (tuple): The best score of the trial, and whether it was cut short."""
    if _record(folder).get("status") != "finished":  # else killed between training and telling
        try:
            train(
                job.config_path,
                folder,
                job.gpu_id,
                values,
                resume=True,
                ignore_lint=True,
                should_stop=should_stop,
            )
        except NothingLearned:
            shutil.rmtree(folder)
            return 0.0, False
    for path in folder.glob("model-*"):
        shutil.rmtree(path)
    record = _record(folder)
    return float(record["best_score"]), record["reason"].startswith(PRUNED)


def reporter(trial: Trial) -> Callable[[Info], str | None]:
    """RETURNS (Callable): Tells the study the score of each evaluation; says when to stop."""

    def report(info: Info) -> str | None:
        parent = parent_process()
        if parent is not None and not parent.is_alive():
            os._exit(1)  # the search was killed; the checkpoint is there to go on from
        best = max(score for score, _ in info["checkpoints"])
        trial.report(best, info["step"])
        if trial.should_prune():
            return f"{PRUNED}: the best score so far, {best:.4f}, is behind the other trials"
        return None

    return report


def _record(folder: Path) -> dict[str, Any]:
    return read_record(folder / RUN)
