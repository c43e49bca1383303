"""Ray Data: one loaded pipeline per actor.

Ray places and scales the actors; one that dies is replaced, and its part repeated (the default of
Ray Data).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from typing import Any

from ...compat import require
from ...ray_cluster import connect
from ..parts import Done, Part
from ..worker import Task, load, predict_staged
from .staged import stage


class PartActor:
    """Predicts parts whose input is in the shared folder. Only numbers go through the object store.

    task (Task): The job.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        load(task)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return asdict(predict_staged(self.task, int(row["item"])))


class RayEngine:
    """`RAY` is the registered instance."""

    def run(self, task: Task, parts: Iterable[Part], workers: int) -> Iterator[Done]:
        connect()
        data = require("ray.data", "'xinzhi[ray]'", "--engine ray")
        numbers = stage(task, parts)
        if not numbers:
            return
        gpus = 1 if task.gpu_id >= 0 else 0
        if gpus:
            task = replace(task, gpu_id=0)  # Ray shows each actor one GPU, as number 0
        context = data.DataContext.get_current()
        context.enable_progress_bars = False
        rows = data.from_items(numbers, override_num_blocks=len(numbers)).map(
            PartActor,
            fn_constructor_args=(task,),
            compute=data.ActorPoolStrategy(min_size=1, max_size=workers),
            num_cpus=max(1, task.threads),
            num_gpus=gpus,
        )
        for row in rows.iter_rows():
            yield Done(**row)


RAY = RayEngine()
