"""`xinzhi.Loggers.v1`: several loggers at once, each of them free to fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO

from spacy import registry
from spacy.language import Language

from .base import GuardedLog, Info, Log, OtherLog, Setup


@registry.loggers("xinzhi.Loggers.v1")
def loggers(*loggers: Callable) -> Setup:
    """Run several loggers, ours, spaCy's or anybody's. One that fails is left out from there on.

    loggers (Callable): In a config: [training.logger.*.NAME] sections, each with its @loggers.
    RETURNS (Callable): The logger.
    """

    def setup(nlp: Language, stdout: IO, stderr: IO) -> tuple[SeveralLogs, Callable[[], None]]:
        logs = [start_guarded(logger, nlp, stdout, stderr) for logger in loggers]
        several = SeveralLogs(logs)
        return several, several.finish

    return setup


def start_guarded(logger: Setup, nlp: Language, stdout: IO, stderr: IO) -> GuardedLog:
    """RETURNS (GuardedLog): The log of any logger, whose failure is a warning."""
    name = getattr(logger, "__qualname__", type(logger).__name__).split(".<")[0]
    return GuardedLog(name, lambda: OtherLog(logger, nlp, stdout, stderr), stderr)


class SeveralLogs(Log):
    """Passes every call on to all logs."""

    def __init__(self, logs: list[GuardedLog]) -> None:
        self.logs = logs

    def __call__(self, info: Info | None) -> None:
        for log in self.logs:
            log(info)

    def on_step(self, info: Info) -> None:
        for log in self.logs:
            log.on_step(info)

    def finish(self) -> None:
        for log in self.logs:
            log.finish()
