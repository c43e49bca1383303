"""What all loggers share: spaCy's interface, more detail under `xinzhi train`, no fatal failure.

A logger is a function that sets up a log: (nlp, stdout, stderr) -> (log_step, finish). spaCy calls
log_step with None after a step and with its info dict after an evaluation. `xinzhi train` also
calls `log_step.on_step(info)`, if there is one, after every step, with these keys besides spaCy's:
documents (seen so far), learn_rate, gradient_norm, step_losses, time (part -> seconds so far).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any

from spacy.language import Language

Info = dict[str, Any]
Setup = Callable[[Language, IO, IO], tuple[Callable[[Info | None], None], Callable[[], None]]]


class Log:
    """A log that has been set up. A subclass overrides what it needs."""

    def __call__(self, info: Info | None) -> None:
        """What spaCy calls after each step; with None if the step was not evaluated."""
        if info is not None:
            self.on_evaluation(info)

    def on_step(self, info: Info) -> None:
        """Take note of a step; only under `xinzhi train`."""

    def on_evaluation(self, info: Info) -> None:
        """Take note of an evaluation."""

    def finish(self) -> None:
        """Close what is open."""


class GuardedLog(Log):
    """Calls a log; after its first failure it is left alone, with one warning.

    name (str): What to call it in the warning.
    start (Callable): Makes the log.
    stderr (IO): For the warning.
    """

    def __init__(self, name: str, start: Callable[[], Log], stderr: IO) -> None:
        self.name = name
        self.stderr = stderr
        self.log: Log | None = None
        self._try(lambda: setattr(self, "log", start()))

    def __call__(self, info: Info | None) -> None:
        if self.log:
            log = self.log
            self._try(lambda: log(info))

    def on_step(self, info: Info) -> None:
        if self.log:
            log = self.log
            self._try(lambda: log.on_step(info))

    def finish(self) -> None:
        if self.log:
            self._try(self.log.finish)
        self.log = None

    def _try(self, action: Callable[[], Any]) -> None:
        try:
            action()
        except Exception as error:
            self.log = None
            text = " ".join(str(error).split())[:300]
            print(
                f"⚠ The logger {self.name} failed and is off from here on; training goes on. "
                f"{type(error).__name__}: {text}",
                file=self.stderr,
                flush=True,
            )


def guarded(name: str, make: Callable[[Language, IO, IO], Log]) -> Setup:
    """A logger that never stops training.

    name (str): What to call it in a warning.
    make (Callable): Makes its log from pipeline, stdout and stderr.
    RETURNS (Callable): What the registry `loggers` asks for.
    """

    def setup(nlp: Language, stdout: IO, stderr: IO) -> tuple[GuardedLog, Callable[[], None]]:
        log = GuardedLog(name, lambda: make(nlp, stdout, stderr), stderr)
        return log, log.finish

    setup.__qualname__ = name
    return setup


class OtherLog(Log):
    """Any logger with spaCy's interface, as a Log."""

    def __init__(self, setup: Setup, nlp: Language, stdout: IO, stderr: IO) -> None:
        self.log_step, self._finish = setup(nlp, stdout, stderr)
        self._on_step = getattr(self.log_step, "on_step", None)

    def __call__(self, info: Info | None) -> None:
        self.log_step(info)

    def on_step(self, info: Info) -> None:
        if self._on_step:
            self._on_step(info)

    def finish(self) -> None:
        self._finish()
