"""What the gate lets pass."""

from __future__ import annotations

from typing import Any

import pytest

from xinzhi.training.labels import Labels
from xinzhi.update.gate import judge_update
from xinzhi.update.options import Options

OLD = Labels(["A", "B"], ["h/x"])


def row(a: float, b: float, p: float = 0.5, main: bool = False, **more: Any) -> dict[str, Any]:
    values = {
        "a": a,
        "b": b,
        "difference": b - a,
        "low": 0.0,
        "high": 0.0,
        "p": p,
        "p_bootstrap": p,
    }
    return {**values, "p_holm": p, "higher_is_better": True, "main": main, **more}


GOOD = {
    "overall": row(0.6, 0.7),
    "entities/f1": row(0.6, 0.7, main=True),
    "entities/A/f1": row(0.8, 0.79),
    "entities/B/f1": row(0.8, 0.9),
    "entities/N/f1": row(0.0, 0.6, 0.001),
    "heads/h/x/f1": row(0.5, 0.5, 1.0),
    "heads/h/n/f1": row(0.0, 0.9, 0.001),
}
NEW = Labels(["N"], ["h/n"])


@pytest.mark.parametrize(
    ("changes", "new", "said"),
    [
        ({}, NEW, None),
        ({}, Labels(), None),
        ({"entities/A/f1": row(0.8, 0.7799)}, NEW, "entities/A falls from 0.8000 to 0.7799"),
        ({"heads/h/x/f1": row(0.5, 0.4)}, Labels(), "heads/h/x falls"),
        ({"entities/N/f1": row(0.0, 0.1, 0.06)}, NEW, "entities/N is new and has not been learned"),
        ({"entities/N/f1": row(0.5, 0.4, 0.001)}, NEW, "entities/N is new and has not"),
        ({"heads/h/n/f1": None}, NEW, "heads/h/n is new, and no test text has it"),
        ({"overall": row(0.6, 0.6)}, Labels(), "overall has not improved"),
        ({"entities/f1": row(0.6, 0.59, 0.001, main=True)}, Labels(), "entities/f1 is worse"),
        (
            {"scores/s/mae": row(0.1, 0.2, 0.001, main=True, higher_is_better=False)},
            NEW,
            "scores/s/mae is worse",
        ),
        ({"scores/s/mae": row(0.2, 0.1, 0.001, main=True, higher_is_better=False)}, NEW, None),
    ],
)
def test_verdict(changes: dict[str, Any], new: Labels, said: str | None) -> None:
    metrics = {key: value for key, value in {**GOOD, **changes}.items() if value}
    verdict = judge_update(metrics, OLD, new, Options())
    assert verdict.passed == (said is None), verdict.reasons
    if said:
        assert [reason for reason in verdict.reasons if said in reason], verdict.reasons
        assert len(verdict.reasons) == 1


def test_p_values_of_new_labels_are_corrected_for_their_number() -> None:
    metrics = {f"entities/N{i}/f1": row(0.0, 0.5, 0.03) for i in range(2)}
    assert not judge_update(metrics, OLD, Labels(["N0", "N1"]), Options()).passed
    assert judge_update(metrics, OLD, Labels(["N0"]), Options()).passed


def test_old_labels_without_a_case_are_named() -> None:
    metrics = {k: v for k, v in GOOD.items() if k != "entities/B/f1"}
    assert judge_update(metrics, OLD, NEW, Options()).untested == ["entities/B"]


def test_a_new_head_is_compared_with_a_constant_answer() -> None:
    new = Labels(heads=[("u", True, ["yes", "no"])])
    assert judge_update(GOOD, OLD, new, Options(), {"u": row(0.6, 0.9, 0.001)}).passed
    refused = judge_update(GOOD, OLD, new, Options(), {"u": row(0.6, 0.5, 0.001)})
    assert refused.reasons == [
        "heads/u is new and has not been learned: 0.6000 → 0.5000, p = 0.0010."
    ]
