"""The section [search] of a config: which settings to vary, and how.

    [search]
    trials = 20

    [search.space.training.dropout]
    low = 0.0
    high = 0.4

    [search.space.components.xinzhi_ner.model.hidden_width]
    choices = [64, 128, 256]

What follows `search.space.` is the name of the setting.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from thinc.api import Config

from ...errors import XinzhiError

SECTION = "search"
SAMPLERS = ("tpe", "random")
PRUNERS = ("median", "halving", "none")
KEYS = {"low", "high", "log", "step", "choices"}


@dataclass(frozen=True)
class Range:
    """The values to try for one setting: a list of choices, or from low to high.

    name (str): The setting, as a dotted name.
    default (Any): Its value in the config.
    choices (list | None): The values; None for a range.
    low, high (float): The ends of the range, both included; whole numbers if both are.
    log (bool): Try orders of magnitude alike.
    step (float | None): Distance of neighbouring values; None for any value.
    """

    name: str
    default: Any
    choices: list[Any] | None = None
    low: float = 0
    high: float = 0
    log: bool = False
    step: float | None = None

    def __post_init__(self) -> None:
        if self.choices is not None:
            valid = isinstance(self.choices, list) and len(self.choices) > 1
            self._check(valid, "choices needs a list of two values or more")
            return
        ends = (self.low, self.high)
        numbers = all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends)
        self._check(numbers and self.low < self.high, "low and high must be numbers, low < high")
        self._check(not self.log or self.low > 0, "log = true needs low above 0")
        self._check(not (self.log and self.step), "log and step exclude each other")

    @property
    def whole(self) -> bool:
        """RETURNS (bool): Whether it is a range of whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def encode(self, value: Any) -> Any:
        """RETURNS (Any): A choice as the study stores it: lists and the like as JSON."""
        if value is None or isinstance(value, bool | int | float | str):
            return value
        return json.dumps(value)

    def decode(self, stored: Any) -> Any:
        """RETURNS (Any): The value for the config."""
        for choice in self.choices or []:
            if self.encode(choice) == stored and type(self.encode(choice)) is type(stored):
                return choice
        return stored

    def contains_default(self) -> bool:
        """RETURNS (bool): Whether the value in the config is one of those to try."""
        if self.choices is not None:
            return self.default in self.choices
        number = isinstance(self.default, int | float) and not isinstance(self.default, bool)
        return number and self.low <= self.default <= self.high and self._on_grid()

    def _on_grid(self) -> bool:
        if self.whole and not isinstance(self.default, int):
            return False
        if self.step is None:
            return True
        steps = (self.default - self.low) / self.step
        return abs(steps - round(steps)) < 1e-9

    def _check(self, valid: bool, what: str) -> None:
        if not valid:
            raise XinzhiError(
                f"[{SECTION}.space.{self.name}] is not valid: {what}.",
                "Give either choices = […], or low and high (and log = true, or step).",
            )


@dataclass(frozen=True)
class SearchSettings:
    """The settings of a search.

    trials (int): How many trainings, those of earlier runs of the same search included.
    sampler (str): "tpe" learns from the trials so far, "random" does not.
    startup (int): So many random trials before "tpe" begins to learn.
    pruner (str): "median" stops a trial below the median of the others at the same step, "halving"
        keeps the best third at 1, 3, 9, … evaluations, "none" stops nothing.
    seed (int): Of the sampler.
    repeats (int): Trainings of the default and of the best config, to compare them; 0 for none.
    """

    trials: int = 20
    sampler: str = "tpe"
    startup: int = 8
    pruner: str = "median"
    seed: int = 0
    repeats: int = 3
    space: list[Range] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name, low in (("trials", 1), ("startup", 0), ("seed", 0), ("repeats", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < low:
                raise XinzhiError(
                    f"{SECTION}.{name} = {value!r} is not valid.", f"Use a number from {low} on."
                )
        for name, known in (("sampler", SAMPLERS), ("pruner", PRUNERS)):
            if getattr(self, name) not in known:
                raise XinzhiError(
                    f"{SECTION}.{name} = {getattr(self, name)!r} is not valid.",
                    f"Use one of: {', '.join(known)}.",
                )


def read_settings(config: Config, **overrides: Any) -> SearchSettings:
    """Read the section [search].

    config (Config): The whole config, interpolated.
    overrides: Settings that take the place of those in the section, unless None.
    RETURNS (SearchSettings): The settings.
    RAISES (XinzhiError): There is no search space, or something in the section is not valid.
    """
    section = {key: value for key, value in config.get(SECTION, {}).items() if key != "space"}
    section |= {key: value for key, value in overrides.items() if value is not None}
    known = [item.name for item in fields(SearchSettings) if item.name != "space"]
    for name in section:
        if name not in known:
            raise XinzhiError(
                f"{SECTION}.{name} is no setting.",
                f"[{SECTION}] takes: {', '.join(known)}; and the sections [{SECTION}.space.…].",
            )
    space = [
        Range(name, _default(config, name), **values)
        for name, values in _leaves(config.get(SECTION, {}).get("space", {}), "")
    ]
    if not space:
        raise XinzhiError(
            "The config has no search space.",
            f"Add a section for each setting to vary, e.g. [{SECTION}.space.training.dropout] with "
            "low = 0.0 and high = 0.4",
        )
    return SearchSettings(**section, space=space)


def set_values(config: Config, values: dict[str, Any]) -> Config:
    """RETURNS (Config): A copy of a config with some settings changed, and without [search]."""
    changed = config.copy()
    changed.pop(SECTION, None)
    for name, value in values.items():
        *path, last = name.split(".")
        section: Any = changed
        for part in path:
            section = section[part]
        section[last] = value
    return changed


def _leaves(section: dict[str, Any], prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The settings in a space, with what is said of each."""
    for name, value in section.items():
        where = f"{prefix}{name}"
        if not isinstance(value, dict):
            raise XinzhiError(
                f"[{SECTION}.space] {where} = {value!r} is not valid.",
                f"Make it a section: [{SECTION}.space.{where}] with choices, or low and high.",
            )
        if value and set(value) <= KEYS:
            yield where, value
        else:
            yield from _leaves(value, f"{where}.")


def _default(config: Config, name: str) -> Any:
    section: Any = config
    for part in name.split("."):
        if not isinstance(section, dict) or part not in section:
            raise XinzhiError(
                f"[{SECTION}.space.{name}]: the config has no setting {name}.",
                "Correct the name, or write the setting into the config (its value is the default "
                "to compare with).",
            )
        section = section[part]
    return section
