"""`xinzhi.ConsoleLogger.v1`: spaCy's table of evaluations, and a progress bar that says more."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO

import tqdm
from spacy import registry
from spacy.language import Language
from spacy.training.loggers import console_logger_v3

from ..context import resumed_at
from ..timing import describe_split
from .base import Info, Log, Setup
from .values import documents_per_second

BAR = "{percentage:3.0f}%|{bar:16}| step {n_fmt}/{total_fmt}{postfix}"
BAR_WITHOUT_END = "step {n_fmt}{postfix}"


@registry.loggers("xinzhi.ConsoleLogger.v1")
def console_logger(progress_bar: bool = True, output_file: str | None = None) -> Setup:
    """Print a row per evaluation, as spaCy does, and show a progress bar on a terminal.

    Under `xinzhi train` the bar shows documents per second, the time left and how the time divides.

    progress_bar (bool): Show the bar.
    output_file (str | None): As for spaCy's logger: a file for the rows.
    RETURNS (Callable): The logger.
    """
    table = console_logger_v3(None, True, output_file)

    def setup(nlp: Language, stdout: IO, stderr: IO) -> tuple:
        log_row, finish_table = table(nlp, stdout, stderr)
        console = ConsoleLog(nlp, log_row, stderr if progress_bar else None)

        def finish() -> None:
            console.finish()
            finish_table()

        return console, finish

    return setup


class ConsoleLog(Log):
    """See `console_logger`.

    nlp (Language): The pipeline.
    log_row (Callable): Prints the row of an evaluation.
    stderr (IO | None): Where the bar goes; None for no bar.
    """

    def __init__(self, nlp: Language, log_row: Callable[[Info], None], stderr: IO | None) -> None:
        self.log_row = log_row
        self.max_steps = nlp.config["training"]["max_steps"]
        self.bar = tqdm.tqdm(
            total=self.max_steps + 1 if self.max_steps else None,  # the first is step 0
            initial=resumed_at() or 0,  # that step is logged once more
            disable=True if stderr is None else None,  # None: on a terminal only
            leave=False,
            file=stderr,
            bar_format=BAR if self.max_steps else BAR_WITHOUT_END,
        )

    def on_step(self, info: Info) -> None:
        """Say how fast it is; the bar itself moves in __call__, as under `spacy train`."""
        left = time_left(info, self.max_steps)
        speed = f"{documents_per_second(info):.1f} documents/s"
        text = ", ".join([speed, *([f"{left} left"] if left else []), describe_split(info["time"])])
        self.bar.set_postfix_str(text, refresh=False)

    def __call__(self, info: Info | None) -> None:
        self.bar.update(1)
        if info is not None:
            self.bar.clear()
            self.log_row(info)
            self.bar.refresh()

    def finish(self) -> None:
        self.bar.close()


def time_left(info: Info, max_steps: int) -> str | None:
    """RETURNS (str): Minutes and seconds to the last step at the speed so far; None if unknown."""
    if not max_steps:
        return None
    seconds = sum(info["time"].values()) / (info["step"] + 1) * (max_steps - info["step"])
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
