"""The section [search]: reading and checking it."""

from __future__ import annotations

from typing import Any

import pytest
from thinc.api import Config

from xinzhi.errors import XinzhiError
from xinzhi.training.search.space import Range, SearchSettings, read_settings, set_values
from xinzhi.training.search.study import default_values, distributions

CONFIG = """
[system]
seed = 3

[training]
dropout = 0.1
seed = ${system.seed}

[training.rate]
initial = 0.001

[search]
trials = 7

[search.space]

[search.space.training]

[search.space.training.dropout]
low = 0.0
high = 0.4
step = 0.1

[search.space.training.rate]

[search.space.training.rate.initial]
low = 0.0001
high = 0.01
log = true

[search.space.system]

[search.space.system.seed]
choices = [1, 3, null]
"""


def config(text: str = CONFIG) -> Config:
    return Config().from_str(text, interpolate=False)


def test_reading() -> None:
    settings = read_settings(config().interpolate(), trials=None, repeats=5)
    assert (settings.trials, settings.repeats, settings.sampler) == (7, 5, "tpe")
    found = {item.name: item for item in settings.space}
    assert set(found) == {"training.dropout", "training.rate.initial", "system.seed"}
    assert found["system.seed"].choices == [1, 3, None]
    assert found["training.rate.initial"].log
    assert default_values(settings.space) == {
        "training.dropout": 0.1,
        "training.rate.initial": 0.001,
        "system.seed": 3,
    }
    assert read_settings(config().interpolate(), trials=2).trials == 2


def test_distributions() -> None:
    pytest.importorskip("optuna")
    space = read_settings(config().interpolate()).space
    found = distributions([*space, Range("n", 3, low=1, high=9, step=2), Range("m", 1, [[1], [2]])])
    assert found["training.dropout"].step == 0.1
    assert found["training.rate.initial"].log
    assert found["system.seed"].choices == (1, 3, None)
    assert (found["n"].low, found["n"].high, found["n"].step) == (1, 9, 2)
    assert found["m"].choices == ("[1]", "[2]")


@pytest.mark.parametrize("value", [1, 1.5, "a", None, True, [1, 2], {"a": [1]}])
def test_choices_survive_the_study(value: Any) -> None:
    item = Range("x", value, choices=["other", value])
    assert item.decode(item.encode(value)) == value
    assert type(item.decode(item.encode(value))) is type(value)


@pytest.mark.parametrize(
    ("item", "contained"),
    [
        (Range("x", 0.2, low=0.0, high=0.4), True),
        (Range("x", 0.5, low=0.0, high=0.4), False),
        (Range("x", 0.25, low=0.0, high=0.4, step=0.1), False),
        (Range("x", 0.3, low=0.0, high=0.4, step=0.1), True),
        (Range("x", None, low=0.0, high=0.4), False),
        (Range("x", 2.5, low=1, high=4), False),
        (Range("x", "b", choices=["a", "b"]), True),
        (Range("x", "c", choices=["a", "b"]), False),
    ],
)
def test_default(item: Range, contained: bool) -> None:
    assert item.contains_default() is contained
    assert (default_values([item]) is not None) is contained


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"low": 1.0, "high": 1.0}, "low < high"),
        ({"low": "a", "high": 1.0}, "low and high must be numbers"),
        ({"low": 0.0, "high": 1.0, "log": True}, "low above 0"),
        ({"low": 1, "high": 9, "log": True, "step": 2}, "exclude"),
        ({"choices": [1]}, "two values"),
        ({"choices": 3}, "two values"),
    ],
)
def test_bad_ranges(values: dict[str, Any], message: str) -> None:
    with pytest.raises(XinzhiError, match=rf"\[search\.space\.training\.x\].*{message}"):
        Range("training.x", 1, **values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CONFIG.partition("[search]")[0], "has no search space"),
        (CONFIG.replace("training.dropout]", "training.drop]"), "has no setting training.drop"),
        (CONFIG.replace("trials = 7", "tries = 7"), r"search\.tries is no setting"),
        (CONFIG.replace("trials = 7", "trials = 0"), r"search\.trials = 0"),
        (CONFIG.replace("trials = 7", 'sampler = "best"'), "tpe, random"),
        (CONFIG.replace("trials = 7", 'pruner = "no"'), "median, halving, none"),
        (CONFIG.replace("[search.space]", "[search.space]\nx = 1"), "Make it a section"),
    ],
)
def test_bad_sections(text: str, message: str) -> None:
    with pytest.raises(XinzhiError, match=message):
        read_settings(config(text).interpolate())


def test_set_values() -> None:
    changed = set_values(config(), {"training.rate.initial": 0.5, "system.seed": 9})
    assert changed.interpolate()["training"] == {
        "dropout": 0.1,
        "seed": 9,
        "rate": {"initial": 0.5},
    }
    assert "search" not in changed
    assert SearchSettings().trials == 20
