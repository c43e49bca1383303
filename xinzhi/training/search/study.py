"""The Optuna study of a search: an SQLite file that any number of workers share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...compat import require
from .space import Range, SearchSettings

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

FILE_NAME = "study.db"
NAME = "xinzhi"
ATTEMPTS = 300  # to find values that have not been tried
FOLDER, ERROR, SKIPPED = "folder", "error", "skipped"  # what a trial is annotated with


def open_study(
    output: Path, settings: SearchSettings, *, worker: int = 0, eval_frequency: int, max_steps: int
) -> Study:
    """Open the study in a folder, or make it.

    output (Path): The folder of the search.
    settings (SearchSettings): Its settings.
    worker (int): Number of this worker: each draws other random values.
    eval_frequency, max_steps (int): As in [training], for the pruner.
    RETURNS (Study): The study.
    RAISES (XinzhiError): Optuna is not installed.
    """
    optuna = require("optuna", "'xinzhi[search]'", "searching")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.RDBStorage(
        f"sqlite:///{(output / FILE_NAME).resolve()}",
        engine_kwargs={"connect_args": {"timeout": 60}},
    )
    study = optuna.create_study(
        storage=storage, study_name=NAME, direction="maximize", load_if_exists=True
    )
    seed = settings.seed + len(study.trials) + 10_000 * worker
    study.sampler = {
        "tpe": lambda: optuna.samplers.TPESampler(seed=seed, n_startup_trials=settings.startup),
        "random": lambda: optuna.samplers.RandomSampler(seed=seed),
    }[settings.sampler]()
    study.pruner = {
        "median": lambda: optuna.pruners.MedianPruner(n_warmup_steps=max_steps // 4),
        "halving": lambda: optuna.pruners.SuccessiveHalvingPruner(eval_frequency, 3),
        "none": optuna.pruners.NopPruner,
    }[settings.pruner]()
    return study


def distributions(space: list[Range]) -> dict[str, Any]:
    """RETURNS (dict): Setting -> Optuna distribution."""
    from optuna.distributions import (
        BaseDistribution,
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    found: dict[str, BaseDistribution] = {}
    for item in space:
        if item.choices is not None:
            values = [item.encode(choice) for choice in item.choices]
            found[item.name] = CategoricalDistribution(values)
        elif item.whole:
            low, high, step = int(item.low), int(item.high), int(item.step or 1)
            found[item.name] = IntDistribution(low, high, log=item.log, step=step)
        else:
            low_, high_ = float(item.low), float(item.high)
            found[item.name] = FloatDistribution(low_, high_, log=item.log, step=item.step)
    return found


def default_values(space: list[Range]) -> dict[str, Any] | None:
    """RETURNS (dict): The values of the config, as a trial stores them; None if one of them lies
    outside its range."""
    if not all(item.contains_default() for item in space):
        return None
    return {item.name: item.encode(item.default) for item in space}


def next_trial(study: Study, space: list[Range], trials: int) -> Trial | None:
    """Ask for values that have not been tried.

    study (Study): The study.
    space (list): What to vary.
    trials (int): How many trials there shall be.
    RETURNS (Trial): The trial; None if there are enough, or nothing is left to try.
    """
    while count_trials(study) < trials:
        trial = study.ask(distributions(space))
        earlier = [other for other in counted(study) if other.number < trial.number]
        tried = [other.params for other in earlier]
        if len(earlier) < trials and trial.params not in tried:
            return trial
        _skip(study, trial)
        if len(earlier) < trials:  # else another worker was faster
            values = _untried(space, [*tried, trial.params])
            if values is None:
                return None
            study.enqueue_trial(values)
    return None


def counted(study: Study) -> list[FrozenTrial]:
    """RETURNS (list): The trials that have begun, but for those interrupted or skipped."""
    from optuna.trial import TrialState

    begun = [t for t in study.get_trials(deepcopy=False) if t.state != TrialState.WAITING]
    return [t for t in begun if t.state != TrialState.FAIL or ERROR in t.user_attrs]


def count_trials(study: Study) -> int:
    """RETURNS (int): How many trials count."""
    return len(counted(study))


def continue_interrupted(study: Study) -> list[str]:
    """Put the trials that a killed search has left running back at the head of the queue.

    RETURNS (list): Their folders.
    """
    from optuna.trial import TrialState

    running = study.get_trials(deepcopy=False, states=[TrialState.RUNNING])
    for trial in running:
        put_back(study, trial)
    return [trial.user_attrs[FOLDER] for trial in running if FOLDER in trial.user_attrs]


def put_back(study: Study, trial: FrozenTrial) -> None:
    """Put a trial that was interrupted back at the head of the queue."""
    from optuna.trial import TrialState

    study.tell(trial.number, state=TrialState.FAIL)
    if FOLDER in trial.user_attrs:
        study.enqueue_trial(trial.params, {FOLDER: trial.user_attrs[FOLDER]})
    elif trial.params:
        study.enqueue_trial(trial.params)


def _untried(space: list[Range], tried: list[dict[str, Any]]) -> dict[str, Any] | None:
    """RETURNS (dict): Random values that have not been tried; None if none can be found."""
    import optuna

    sampler = optuna.samplers.RandomSampler(seed=len(tried))
    study = optuna.create_study(sampler=sampler)  # in memory
    for _ in range(ATTEMPTS):
        values = study.ask(distributions(space)).params
        if values not in tried:
            return values
    return None


def _skip(study: Study, trial: Trial) -> None:
    from optuna.trial import TrialState

    trial.set_user_attr(SKIPPED, True)
    study.tell(trial, state=TrialState.FAIL)
