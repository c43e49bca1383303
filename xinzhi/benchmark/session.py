"""What every measure needs: settings, texts, who takes part, and their processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .contenders import CONTENDERS
from .contenders.base import Predictor, Trainer
from .progress import Progress
from .settings import Paths, Settings
from .worker import Worker

Workers = dict[str, Worker]


@dataclass(frozen=True)
class Session:
    """One run.

    settings (Settings): What to measure.
    texts (dict): Name -> texts to predict.
    progress (Progress): The progress bar.
    """

    settings: Settings
    texts: dict[str, list[str]]
    progress: Progress

    @property
    def paths(self) -> Paths:
        return self.settings.paths

    def folder(self, name: str) -> Path:
        """RETURNS (Path): What a contender is loaded from."""
        return CONTENDERS[name].folder(self.paths)

    @contextmanager
    def predictors(self) -> Iterator[Workers]:
        """YIELDS (dict): Contender -> the process that holds its pipeline, while the block runs."""
        with self._workers("loading", load_contender, self.paths) as workers:
            yield workers

    @contextmanager
    def trainers(self) -> Iterator[Workers]:
        """YIELDS (dict): Contender -> the process that trains it, while the block runs."""
        documents = self.settings.train_documents
        with self._workers("initialising", train_contender, self.paths, documents) as workers:
            yield workers

    @contextmanager
    def worker(self, name: str, make: Callable, *args: Any) -> Iterator[Worker]:
        """YIELDS (Worker): A process with one object, while the block runs."""
        worker = Worker(name, self.settings.threads, make, *args)
        try:
            yield worker
        finally:
            worker.close()

    @contextmanager
    def _workers(self, doing: str, make: Callable, *args: Any) -> Iterator[Workers]:
        self.progress.plan(len(CONTENDERS))
        with ExitStack() as stack:
            workers = {}
            for name in CONTENDERS:
                self.progress.step(f"{doing}: {name}")
                workers[name] = stack.enter_context(self.worker(name, make, name, *args))
            yield workers


def load_contender(name: str, paths: Paths) -> Predictor:
    """RETURNS (Predictor): A contender's pipeline."""
    return CONTENDERS[name].load(paths)


def train_contender(name: str, paths: Paths, documents: int) -> Trainer:
    """RETURNS (Trainer): A contender ready to train."""
    return CONTENDERS[name].train(paths, documents)
