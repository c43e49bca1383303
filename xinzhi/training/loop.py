"""The training loop: the same steps as spaCy's, with checkpoints, guards and measurements.

spaCy's own loop (spacy.training.loop) cannot start in the middle, and gives no access to the
optimizer. On the same config and seed this one makes the same weights: a test compares them.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.training.loop import (
    DIR_MODEL_BEST,
    DIR_MODEL_LAST,
    create_before_to_disk_callback,
    create_evaluation_callback,
    update_meta,
)
from spacy.util import registry, resolve_dot_names
from thinc.api import fix_random_seed, set_gpu_allocator

from ..errors import XinzhiError
from ..files import replaced_folder
from .batches import Batch, BatchStream
from .checkpoint import latest_checkpoint, read_state, restore, save_checkpoint
from .guard import collapsed, jumped, not_finite, not_improving
from .out_of_memory import retry_with_less
from .settings import RunSettings
from .timing import Stopwatch
from .update import Updater
from .weights import gradient_norm

CHECKPOINTS = "checkpoints"
Info = dict[str, Any]


@dataclass
class Outcome:
    """How a training ended.

    reason (str): Why.
    broken (bool): Whether a guard stopped it because something went wrong.
    step (int): The last step.
    best_score (float | None): The best score; None if there was no evaluation.
    best_step (int | None): The step of that score.
    seconds (dict): Part of the work -> seconds.
    """

    reason: str
    broken: bool
    step: int
    best_score: float | None
    best_step: int | None
    seconds: dict[str, float]


@dataclass
class Progress:
    """What the loop counts, and a checkpoint keeps."""

    step: int = -1
    epoch: int = 0
    words: int = 0
    documents: int = 0
    halvings: int = 0
    batch_size: int = 0
    losses: dict[str, float] = field(default_factory=dict)
    results: list[tuple[float, int]] = field(default_factory=list)
    parts: dict[str, list[float]] = field(default_factory=dict)
    info: Info | None = None

    @property
    def scores(self) -> list[float]:
        """RETURNS (list): The score of each evaluation."""
        return [score for score, _ in self.results]

    @property
    def steps_since_best(self) -> int:
        """RETURNS (int): Steps since the best evaluation; the first one of equal ones."""
        return self.step + max((score, -step) for score, step in self.results)[1]


class Broken(Exception):
    """Something went wrong that further steps make worse."""


class Trainer:
    """Train an initialised pipeline.

    nlp (Language): The pipeline, initialised, with its full config.
    folder (Path): Where model-best, model-last and the checkpoints go.
    settings (RunSettings): The settings of [run].
    use_gpu (int): The number of the GPU, -1 for the CPU.
    wrap_logger (Callable): Gets the set-up function of the config's logger, returns that to use.
    should_stop (Callable): Called with the info of every evaluation; a text stops training.
    """

    def __init__(
        self,
        nlp: Language,
        folder: Path,
        settings: RunSettings,
        *,
        use_gpu: int = -1,
        wrap_logger: Callable[[Callable], Callable] = lambda logger: logger,
        should_stop: Callable[[Info], str | None] = lambda info: None,
    ) -> None:
        config = nlp.config.interpolate()
        if config["training"]["seed"] is not None:
            fix_random_seed(config["training"]["seed"])
        if use_gpu >= 0 and config["training"]["gpu_allocator"]:
            set_gpu_allocator(config["training"]["gpu_allocator"])
        training = registry.resolve(config["training"], schema=ConfigSchemaTraining)
        corpora = [training["train_corpus"], training["dev_corpus"]]
        train_corpus, dev_corpus = resolve_dot_names(config, corpora)
        self.nlp = nlp
        self.folder = folder
        self.settings = settings
        self.training = training
        self.frozen: list[str] = training["frozen_components"]
        self.optimizer = training["optimizer"]
        self.updater = Updater(nlp, training)
        self.stream = BatchStream(
            nlp,
            train_corpus,
            training["batcher"],
            training["max_epochs"],
            whole_epochs=settings.evaluate_every_epoch,
        )
        self.dev_corpus = dev_corpus
        self.before_to_disk = create_before_to_disk_callback(training["before_to_disk"])
        self.logger = wrap_logger(training["logger"])
        self.should_stop = should_stop
        self.progress = Progress(batch_size=nlp.batch_size)
        self.watch = Stopwatch()

    def run(self, resume: bool = False) -> Outcome:
        """Train to the end.

        resume (bool): Go on from the last checkpoint in the folder, if there is one.
        RETURNS (Outcome): How it ended. model-best and model-last are in the folder.
        RAISES (XinzhiError): A single document does not fit into the memory.
        """
        checkpoint = latest_checkpoint(self.folder / CHECKPOINTS) if resume else None
        position = self._resume(checkpoint) if checkpoint else None
        with self.nlp.select_pipes(disable=self.frozen):
            log_step, finish_log = self.logger(self.nlp, sys.stdout, sys.stderr)
        try:
            reason, broken = self._run_steps(position, log_step), False
            with self.watch.time("saving"):
                self._save_pipeline(is_best=False)
        except Broken as error:
            reason, broken = f"{error} at step {self.progress.step}", True
        finally:
            finish_log()
        score, step = max(self.progress.results, default=(None, None))  # of equal ones the last
        return Outcome(reason, broken, self.progress.step, score, step, self.watch.seconds)

    def _run_steps(self, position: dict[str, Any] | None, log_step: Callable) -> str:
        """RETURNS (str): Why there is no further step."""
        on_step = getattr(log_step, "on_step", None)
        batches = self.stream.batches(position)
        reason = None
        if position and self.progress.info:  # the checkpoint is older than what follows from it
            reason = self._after_evaluation(self.progress.info, log_step)
            reason = reason or self._reason_to_stop()
        while reason is None:
            with self.watch.time("data"):
                epoch, batch = next(batches, (None, []))
            if epoch is None:
                return f"training.max_epochs = {self.training['max_epochs']}"
            info = self._step(epoch, batch)
            if on_step:
                on_step(info)
            if info["score"] is None:
                log_step(None)
                self._checkpoint_between(info["step"])
            else:
                self._checkpoint(info)
                reason = self._after_evaluation(info, log_step)
            reason = reason or self._reason_to_stop()
        return reason

    def _step(self, epoch: int, batch: Batch) -> Info:
        """RETURNS (dict): spaCy's info of a step, and what was measured."""
        progress, step = self.progress, self.progress.step + 1
        progress.step, progress.epoch = step, epoch
        before, learn_rate = dict(progress.losses), float(self.optimizer.learn_rate)
        with self.watch.time("update"):
            if self.training["before_update"]:
                self.training["before_update"](self.nlp, {"step": step, "epoch": epoch})
            self.updater.update(batch, progress.losses, step)
        self._exchange()
        with self.watch.time("optimiser"):
            norm = gradient_norm(self.nlp, self.frozen)
            check(not_finite(progress.losses, norm))
            self.updater.finish()
        progress.words += sum(len(example) for example in batch)
        progress.documents += len(batch)
        progress.halvings = self.updater.halvings
        info: Info = {
            "step_losses": {k: v - before.get(k, 0.0) for k, v in progress.losses.items()},
            "learn_rate": learn_rate,
            "gradient_norm": norm,
        }
        score, scores = None, None
        if self._is_evaluated(step):
            score, scores = self._evaluate(batch, info["step_losses"])
            self._note_scores(score, scores)
        return {**info, **self._counts(), "score": score, "other_scores": scores}

    def _exchange(self) -> None:
        """Add up the gradients of several processes (see distributed/trainer.py)."""

    def _is_evaluated(self, step: int) -> bool:
        if self.settings.evaluate_every_epoch:
            return self.stream.epoch_ends or step == (self.training["max_steps"] or -1)
        return step % self.training["eval_frequency"] == 0

    def _counts(self) -> Info:
        progress = self.progress
        return {
            "epoch": progress.epoch,
            "step": progress.step,
            "losses": progress.losses,
            "checkpoints": progress.results,
            "seconds": int(self.watch.total),
            "words": progress.words,
            "documents": progress.documents,
            "time": dict(self.watch.seconds),
        }

    def _score(self) -> tuple[float, dict[str, float]]:
        """spaCy's callback, made anew: it forgets the weight of a score that was None once, such as
        a rank correlation before anything is learnt."""
        weights = self.training["score_weights"]
        return create_evaluation_callback(self.nlp, self.dev_corpus, weights)()

    def _evaluate(self, batch: Batch, losses: dict[str, float]) -> tuple[float, dict[str, float]]:
        """Score the dev corpus; `batch` and its losses are those of the last update."""

        def attempt() -> tuple[float, dict[str, float]]:
            with self._averaged():
                return self._score()

        with self.watch.time("evaluation"):
            try:
                score, scores = retry_with_less(attempt, self._evaluate_fewer)
            except Exception:  # components may fail on weights that are out of all bounds
                check(jumped(sum(losses.values()), self.updater.loss(batch)))
                raise
        check(None if isfinite(score) else f"the score is {score}")
        return score, scores

    def _note_scores(self, score: float, scores: dict[str, float]) -> None:
        self.progress.results.append((score, self.progress.step))
        for name, weight in self.training["score_weights"].items():
            if weight:
                self.progress.parts.setdefault(name, []).append(scores.get(name) or 0.0)

    def _evaluate_fewer(self) -> None:
        """Halve the number of documents that an evaluation takes at a time."""
        fact = f"Out of memory in the evaluation at step {self.progress.step}"
        if self.nlp.batch_size <= 1:
            raise XinzhiError(
                f"{fact}, one document at a time.",
                "Split the longest documents of the dev corpus, or evaluate on fewer: "
                "--corpora.dev.limit 500",
            )
        self.nlp.batch_size //= 2
        self.progress.batch_size = self.nlp.batch_size
        print(f"{fact}. From here on: {self.nlp.batch_size} documents at a time.", flush=True)

    def _after_evaluation(self, info: Info, log_step: Callable) -> str | None:
        """Save the pipeline and log.

        RETURNS (str): A reason to stop, or None.
        """
        with self.watch.time("saving"):
            self._save_pipeline(is_best=info["score"] == max(self.progress.scores))
        log_step({**info, "output_path": str(self.folder / DIR_MODEL_LAST)})
        self.progress.losses = {}
        settings = self.settings
        ratio, evaluations = settings.collapse_ratio, settings.collapse_evaluations
        check(collapsed(self.progress.scores, ratio, evaluations))
        for name, scores in self.progress.parts.items():
            fallen = collapsed(scores, ratio, evaluations)
            if fallen and not collapsed(scores[:-1], ratio, evaluations):
                print(f"⚠ {name}: {fallen}, while the others hold.", flush=True)
        return self.should_stop(info) or not_improving(self.progress.scores, settings.patience)

    def _reason_to_stop(self) -> str | None:
        """RETURNS (str): The limit that spaCy's settings have reached, or None."""
        patience, max_steps = self.training["patience"], self.training["max_steps"]
        since = self.progress.steps_since_best if self.progress.results else 0
        if patience and since >= patience:
            return f"no better score in {since} steps (training.patience = {patience})"
        if max_steps and self.progress.step >= max_steps:
            return f"training.max_steps = {max_steps}"
        return None

    def _checkpoint_between(self, step: int) -> None:
        every = self.settings.checkpoint_every
        if every and step % every == 0:
            self._checkpoint(None)

    def _checkpoint(self, info: Info | None) -> None:
        """Write a checkpoint; `info` if this step was evaluated."""
        with self.watch.time("saving"):
            if info:
                with self.nlp.select_pipes(disable=self.frozen):
                    update_meta(self.training, self.nlp, info)
            self.progress.info = info
            state = {
                "step": self.progress.step,
                "progress": asdict(self.progress),
                "seconds": self.watch.seconds,
                "position": self.stream.position(),
            }
            folder = self.folder / CHECKPOINTS
            save_checkpoint(folder, self.nlp, self.optimizer, self.frozen, state)

    def _resume(self, checkpoint: Path) -> dict[str, Any]:
        """RETURNS (dict): Where the stream of batches was."""
        restore(checkpoint, self.nlp, self.optimizer, self.frozen)
        state = read_state(checkpoint)
        self.progress = Progress(**state["progress"])
        self.progress.results = [(score, step) for score, step in self.progress.results]
        self.updater.skip(state["step"] + 1)
        self.updater.halvings = self.progress.halvings
        self.nlp.batch_size = self.progress.batch_size
        self.watch = Stopwatch(state["seconds"])
        print(f"Going on after step {state['step']}.", flush=True)
        return state["position"]

    def _save_pipeline(self, is_best: bool) -> None:
        last, best = self.folder / DIR_MODEL_LAST, self.folder / DIR_MODEL_BEST
        with self._averaged(), replaced_folder(last) as work:
            self.before_to_disk(self.nlp).to_disk(work)
        if is_best:
            with replaced_folder(best) as work:
                shutil.copytree(last, work, dirs_exist_ok=True)

    def _averaged(self) -> AbstractContextManager[Any]:
        """RETURNS (context manager): In it the weights are the averages, if those are kept."""
        averages = self.optimizer.averages
        return self.nlp.use_params(averages) if averages else nullcontext()


def check(problem: str | None) -> None:
    if problem:
        raise Broken(problem)
