"""The learning curves of strategies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from xinzhi.cli import app
from xinzhi.errors import XinzhiError
from xinzhi.selection.simulation import area, simulate, summary


def test_area_is_the_mean_height() -> None:
    curve = [{"texts": x, "score": y} for x, y in ((10, 0.0), (20, 1.0), (40, 1.0))]
    assert area(curve) == pytest.approx((5 + 20) / 30)


def test_summary_compares_seed_by_seed() -> None:
    found = summary([0.5, 0.6, 0.7], [0.4, 0.6, 0.5])
    assert found == pytest.approx({"mean": 0.6, "sd": 0.1, "gain": 0.1, "gain_sd": 0.1, "wins": 2})


def test_curves_rise_and_begin_alike(made: Path, tmp_path: Path) -> None:
    arguments = ["select-simulate", str(made / "pipeline"), str(made / "old.spacy")]
    arguments += [str(made / "test.spacy"), "-o", str(tmp_path / "curves.json"), "--seeds", "2"]
    arguments += ["--budgets", "5,40", "--strategies", "clusters,diversity", "--epochs", "5"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "clusters" in result.output
    found = json.loads((tmp_path / "curves.json").read_text(encoding="utf8"))
    assert list(found["curves"]) == ["random", "clusters", "diversity"]
    for seed in range(2):
        first, last = ([found["curves"][n][seed][i] for n in found["curves"]] for i in (0, -1))
        assert len({point["score"] for point in first}) == 1
        assert {point["texts"] for point in last} == {40}
        assert all(b["score"] > a["score"] for a, b in zip(first, last, strict=True))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"budgets": [10]}, "do not fit"),
        ({"budgets": [10, 61]}, "do not fit a pool of 60"),
        ({"budgets": [20, 10]}, "do not fit"),
        ({"strategies": ["best"]}, "no strategy 'best'"),
    ],
)
def test_bad_settings(made: Path, settings: dict, said: str) -> None:
    with pytest.raises(XinzhiError, match=said):
        simulate(made / "pipeline", made / "old.spacy", made / "test.spacy", **settings)
