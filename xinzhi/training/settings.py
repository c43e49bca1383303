"""The optional section [run] of a training config: what `xinzhi train` adds to spaCy's settings."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from ..errors import XinzhiError

SECTION = "run"


@dataclass(frozen=True)
class RunSettings:
    """Settings of `xinzhi train` that spaCy has no place for; `spacy train` ignores the section.

    patience (int | None): Stop after so many evaluations without a better score; None is off.
        (spaCy's own training.patience counts steps. It holds as well, if it is not 0.)
    checkpoint_every (int | None): Write a checkpoint every so many steps; None: only at
        evaluations, where one is always written.
    evaluate_every_epoch (bool): Evaluate at the end of each epoch (and of training), in place of
        every training.eval_frequency steps.
    collapse_ratio (float): A score below this share of the best one counts as collapsed.
    collapse_evaluations (int | None): Stop after so many collapsed evaluations in a row; None is
        off.
    """

    patience: int | None = None
    checkpoint_every: int | None = None
    evaluate_every_epoch: bool = False
    collapse_ratio: float = 0.5
    collapse_evaluations: int | None = 2

    def __post_init__(self) -> None:
        for name in ("patience", "checkpoint_every", "collapse_evaluations"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
                raise _not_valid(name, value, "a whole number, or null for off")
            if value is not None and value < 1:
                raise _not_valid(name, value, "1 or more, or null for off")
        if not isinstance(self.evaluate_every_epoch, bool):
            raise _not_valid("evaluate_every_epoch", self.evaluate_every_epoch, "true or false")
        ratio = self.collapse_ratio
        if not isinstance(ratio, int | float) or not 0 < ratio < 1:
            raise _not_valid("collapse_ratio", ratio, "a number between 0 and 1")


def run_settings(section: dict[str, Any]) -> RunSettings:
    """Read the section [run].

    section (dict): What it holds.
    RETURNS (RunSettings): The settings.
    RAISES (XinzhiError): An unknown setting, or one that is not valid.
    """
    known = [field.name for field in fields(RunSettings)]
    for name in section:
        if name not in known:
            raise XinzhiError(
                f"{SECTION}.{name} is no setting.", f"[{SECTION}] takes: {', '.join(known)}."
            )
    return RunSettings(**section)


def _not_valid(name: str, value: Any, expected: str) -> XinzhiError:
    return XinzhiError(f"{SECTION}.{name} = {value!r} is not valid.", f"Use {expected}.")
