"""scripts/plan_capacity.py: the simulation against what can be worked out by hand."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
import plan_capacity

MEASURED = plan_capacity.Measured(
    rate=12.0,
    rate_beside=10.0,
    start_seconds=5.0,
    megabytes=1000.0,
    bytes_in=100.0,
    bytes_out=400.0,
    documents=1000,
)
NEVER = 1e15


@pytest.mark.parametrize(
    ("parts", "workers", "seconds"),
    [(1, 1, 15.0), (4, 2, 25.0), (5, 2, 35.0), (2, 8, 15.0), (0, 1, 0.0)],
)
def test_without_failures(parts: int, workers: int, seconds: float) -> None:
    assert plan_capacity.simulate(parts, workers, 10.0, 5.0, 0.0, NEVER) == (seconds, 0)


def test_failures_cost_parts_and_starts() -> None:
    quiet, _ = plan_capacity.simulate(200, 4, 10.0, 5.0, 0.0, NEVER)
    seconds, repeated = plan_capacity.simulate(200, 4, 10.0, 5.0, 0.0, 100.0)
    assert 10 < repeated < 40  # one part in eleven or so
    assert quiet < seconds < quiet + repeated * 15.0


def plan(**values: Any) -> plan_capacity.Plan:
    machine = {"cores": 4, "memory": 64.0, "part_size": 100, "spread": 0.0, "mtbf_hours": NEVER}
    return plan_capacity.plan_job(
        MEASURED, **{"documents": 8000, "machines": 2, **machine, **values}
    )


def test_a_plan() -> None:
    found = plan()
    assert found.workers == 8
    assert found.seconds == 5.0 + 100.0  # 80 parts of 10 s on 8 workers
    assert found.ideal_seconds == 100.0
    assert found.disk == 8000 * (100 + 2 * 400)
    assert found.memory_per_machine == 4e9
    assert found.written == 8 * 10.0 * 400


def test_memory_limits_the_workers() -> None:
    assert plan(memory=3.0).workers == 4  # 2.4 of 3 GB, a GB each, on two machines
    with pytest.raises(Exception, match="a worker needs"):
        plan(memory=1.0)


def test_the_start_is_not_the_rate() -> None:
    assert plan_capacity.rate(100, 15.0, 35.0) == 10.0  # 10 s of start, 10 texts a second
    with pytest.raises(Exception, match="more --documents"):
        plan_capacity.rate(20, 9.0, 8.9)


def test_the_plan_is_the_tables_of_the_page(tmp_path: Path) -> None:
    (tmp_path / "capacity.json").write_text(json.dumps(asdict(MEASURED)), encoding="utf8")
    arguments = ["plan", str(tmp_path / "capacity.json"), "--machines", "2", "--documents", "9000"]
    result = CliRunner().invoke(plan_capacity.app, arguments)
    assert result.exit_code == 0, result.output
    first, second = result.output.strip().split("\n\n")
    assert "| memory of a worker | 1,000 MB |" in first
    assert second.splitlines()[2].startswith("| 9,000 | 2 | 32 | ")
    page = Path(plan_capacity.__file__).parents[1] / "docs" / "capacity.md"
    assert second.splitlines()[0] in page.read_text(encoding="utf8")
