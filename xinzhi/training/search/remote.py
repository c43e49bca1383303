"""Trials on a Ray cluster.

The study stays with one actor beside the search. Workers anywhere ask it for values and tell it
scores, and keep what they train in the folder of the search, which all must see.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from ...errors import XinzhiError
from ...ray_cluster import connect
from .study import put_back
from .trial import Job, run_trial

if TYPE_CHECKING:
    from optuna.trial import Trial, TrialState

Ask = Callable[..., Any]  # name of a method of the keeper, and its arguments, to its result
RETRIES = 3  # how often a worker may be lost


class Keeper:
    """Holds the study: the only one to write to it, one call at a time.

    job (Job): The search.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.study = job.open_study()
        self.trials: dict[int, Trial] = {}  # of each worker

    def next_trial(self, worker: int) -> dict[str, Any] | None:
        """Find something to try. If the worker has a trial already it was lost with it, and is
        done again from its checkpoint.

        worker (int): Number of the worker that asks.
        RETURNS (dict): "number", "params" and "user_attrs" of a trial; None if there are enough.
        """
        if lost := self.trials.pop(worker, None):
            put_back(self.study, self.study.trials[lost.number])
        trial = self.job.next_trial(self.study)
        if trial is None:
            return None
        self.trials[worker] = trial
        return {
            "worker": worker,
            "number": trial.number,
            "params": trial.params,
            "user_attrs": trial.user_attrs,
        }

    def annotate(self, worker: int, key: str, value: Any) -> None:
        """Note something about the trial of a worker."""
        self.trials[worker].set_user_attr(key, value)

    def report(self, worker: int, score: float, step: int) -> bool:
        """Note a score. RETURNS (bool): Whether the trial has fallen behind."""
        self.trials[worker].report(score, step)
        return bool(self.trials[worker].should_prune())

    def tell(self, worker: int, score: float | None, state: str | None) -> None:
        """Note the end of the trial of a worker; `state` is the name of a `TrialState`."""
        from optuna.trial import TrialState

        trial = self.trials.pop(worker)
        self.study.tell(trial, score, state=None if state is None else TrialState[state])


class RemoteTrial:
    """As much of `optuna.Trial` as a training needs; the trial is with the keeper."""

    def __init__(
        self, ask: Ask, worker: int, number: int, params: dict, user_attrs: dict[str, Any]
    ) -> None:
        self.ask = ask
        self.worker = worker
        self.number = number
        self.params = params
        self.user_attrs = user_attrs
        self.is_behind = False

    def set_user_attr(self, key: str, value: Any) -> None:
        self.user_attrs[key] = value
        self.ask("annotate", self.worker, key, value)

    def report(self, score: float, step: int) -> None:
        self.is_behind = self.ask("report", self.worker, score, step)

    def should_prune(self) -> bool:
        return self.is_behind

    def tell(self, score: float | None = None, state: TrialState | None = None) -> None:
        self.ask("tell", self.worker, score, None if state is None else state.name)


class RemoteStudy:
    """As much of `optuna.Study` as a training needs."""

    def tell(
        self, trial: RemoteTrial, score: float | None = None, state: TrialState | None = None
    ) -> None:
        trial.tell(score, state)


def work_for(ask: Ask, job: Job, worker: int) -> None:
    """Run trials until the keeper has no more.

    ask (Callable): Asks the keeper.
    job (Job): The search.
    worker (int): Number of this worker.
    """
    study = cast(Any, RemoteStudy())
    while found := ask("next_trial", worker):
        run_trial(job, study, cast(Any, RemoteTrial(ask, **found)))


def work_in_ray(keeper: Any, job: Job, worker: int, threads: int) -> None:
    """`work_for` as a task of Ray.

    keeper (ActorHandle): The keeper.
    threads (int): Cores that it may use.
    """
    import ray
    import torch

    torch.set_num_threads(threads)
    work_for(lambda name, *given: ray.get(getattr(keeper, name).remote(*given)), job, worker)


def run_on_ray(job: Job) -> None:
    """Run the trials of a search on a Ray cluster, `job.workers` at a time. Each takes its part of
    the cluster's cores, and a GPU if the search is for one.

    job (Job): The search.
    RAISES (XinzhiError): Workers were lost again and again, or Ray is not installed.
    """
    ray = connect(show_output=True)
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    keeper = ray.remote(num_cpus=0)(Keeper).options(scheduling_strategy=here).remote(job)
    threads = max(1, int(ray.cluster_resources().get("CPU", 1)) // job.workers)
    gpus = 1 if job.gpu_id >= 0 else 0
    task = ray.remote(num_cpus=threads, num_gpus=gpus, max_retries=RETRIES)(work_in_ray)
    try:
        ray.get([task.remote(keeper, job, number, threads) for number in range(job.workers)])
    except ray.exceptions.RayError as err:
        raise XinzhiError(
            f"A worker of the search has ended early: {str(err).splitlines()[0]}",
            "The same command goes on with the search; use fewer --workers if memory ran out.",
        ) from err
    finally:
        ray.kill(keeper)
