"""`xinzhi.TensorBoardLogger.v1`: event files for TensorBoard, written without a server."""

from __future__ import annotations

from typing import Any

from spacy import registry
from spacy.language import Language

from ...compat import require
from ..context import in_run_folder, resumed_at
from ..schedule import values
from ..weights import named_weights
from .base import Info, Log, Setup, guarded
from .samples import Sampler
from .values import scalars

FOLDER = "tensorboard"


@registry.loggers("xinzhi.TensorBoardLogger.v1")
def tensorboard_logger(
    path: str | None = None,
    every: int = 10,
    histograms: bool = False,
    samples: int = 5,
) -> Setup:
    """Write scores (per head and label too), losses, learning rate, gradient norm, times, sample
    predictions and the config to event files. Look at them with: tensorboard --logdir FOLDER

    The gradient norm, the loss of single steps and the times are there under `xinzhi train` only.

    path (str | None): The folder; None is `tensorboard` in the run's folder, or in the current
        folder under `spacy train`.
    every (int): Log the values of single steps every so many steps.
    histograms (bool): Log the distribution of every weight at every evaluation.
    samples (int): So many dev documents are shown with what is predicted for them.
    RETURNS (Callable): The logger.
    """
    settings: dict[str, Any] = {"every": every, "histograms": histograms, "samples": samples}
    return guarded(
        "xinzhi.TensorBoardLogger.v1",
        lambda nlp, _out, _err: TensorBoardLog(nlp, path, **settings),
    )


class TensorBoardLog(Log):
    """See `tensorboard_logger`."""

    def __init__(
        self, nlp: Language, path: str | None, *, every: int, histograms: bool, samples: int
    ) -> None:
        require("tensorboard", "'xinzhi[tensorboard]'", "TensorBoard event files")
        from torch.utils.tensorboard import SummaryWriter

        self.nlp = nlp
        self.every = max(1, every)
        self.histograms = histograms
        self.sampler = Sampler(nlp, samples) if samples else None
        self.rates = values(nlp.config.interpolate()["training"]["optimizer"]["learn_rate"])
        self.known_rates: list[float] = []
        self.writer = SummaryWriter(str(in_run_folder(path, FOLDER)), purge_step=resumed_at())
        text = nlp.config.to_str(interpolate=False)
        self.writer.add_text("config", f"```ini\n{text}\n```", 0)

    def on_step(self, info: Info) -> None:
        if info["step"] % self.every:
            return
        step = info["step"]
        self.writer.add_scalar("train/learn_rate", info["learn_rate"], step)
        self.writer.add_scalar("train/gradient_norm", info["gradient_norm"], step)
        for name, loss in info["step_losses"].items():
            self.writer.add_scalar(f"train/loss/{name}", float(loss), step)

    def on_evaluation(self, info: Info) -> None:
        step = info["step"]
        for name, value in scalars(info).items():
            self.writer.add_scalar(name, value, step)
        if "learn_rate" not in info:  # under spaCy's own loop
            self.writer.add_scalar("train/learn_rate", self._rate(step), step)
        if self.histograms:
            for name, _, weights in named_weights(self.nlp):
                self.writer.add_histogram(f"weights/{name}", weights, step)
        if self.sampler:
            self.writer.add_text("samples", self.sampler.table(), step)
        self.writer.flush()

    def finish(self) -> None:
        self.writer.close()

    def _rate(self, step: int) -> float:
        """RETURNS (float): The learning rate of a step, from the schedule in the config."""
        while len(self.known_rates) <= step:
            self.known_rates.append(next(self.rates))
        return self.known_rates[step]
