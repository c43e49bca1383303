"""Write assets/productivity: made-up project reports whose score has known causes.

python scripts/productivity_sample.py

score = 60 + 8 R + 8 T + 6 R T + noise (deviation 3), where R and T are the means of the values of
the resources and the technologies in a report. effects.json holds these values.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import typer

FOLDER = Path(__file__).parent.parent / "assets" / "productivity"
SIZES = {"train": 400, "dev": 100, "test": 200}
VALUES = {
    "资源": {
        "资深工程师": 1.0,
        "熟练技工": 0.7,
        "专项资金": 0.4,
        "培训经费": 0.2,
        "外包团队": -0.2,
        "实习生": -0.4,
        "老旧厂房": -0.7,
        "临时工": -1.0,
    },
    "技术": {
        "智能排产系统": 1.0,
        "工业机器人": 0.7,
        "数据中台": 0.4,
        "云协作平台": 0.2,
        "电话会议": -0.2,
        "手工台账": -0.4,
        "纸质审批": -0.7,
        "传真机": -1.0,
    },
}
PLACES = ("一车间", "二车间", "质检科", "物流部", "装配线", "研发中心", "仓储组", "采购处")
MONTHS = ("一月", "三月", "五月", "六月", "八月", "九月", "十一月")
SHAPES = (
    "{place}在{month}调来{R}，启用了{T}。",
    "{month}起，{place}靠{R}推进项目，流程改用{T}。",
    "{place}汇报：本期主要投入是{R}，日常依赖{T}。",
    "采用{T}之后，{place}又得到{R}，{month}完成验收。",
    "{place}{month}总结：人财物方面有{R}；手段方面用{T}。",
)


def make_report(rng: np.random.Generator, number: int) -> dict[str, Any]:
    """RETURNS (dict): A record: id, text, label (entities), scores."""
    chosen = {
        label: list(rng.choice(list(values), int(rng.integers(1, 3)), replace=False))
        for label, values in VALUES.items()
    }
    shape = str(rng.choice(SHAPES))
    parts = {"place": str(rng.choice(PLACES)), "month": str(rng.choice(MONTHS))}
    text = shape.format(**parts, R="和".join(chosen["资源"]), T="与".join(chosen["技术"]))
    spans = [
        [text.index(name), text.index(name) + len(name), label]
        for label, names in chosen.items()
        for name in names
    ]
    r, t = (np.mean([VALUES[label][name] for name in names]) for label, names in chosen.items())
    score = 60 + 8 * r + 8 * t + 6 * r * t + rng.normal(0, 3)
    return {
        "id": number,
        "text": text,
        "label": sorted(spans),
        "scores": {"productivity": round(float(score), 1)},
    }


def main() -> None:
    """Write the three files and the values."""
    rng = np.random.default_rng(0)
    number, seen = 0, set()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, size in SIZES.items():
        lines = []
        while len(lines) < size:
            report = make_report(rng, number)
            if report["text"] not in seen:
                seen.add(report["text"])
                number += 1
                lines.append(json.dumps(report, ensure_ascii=False) + "\n")
        (FOLDER / f"{name}.jsonl").write_text("".join(lines), encoding="utf8")
    values = json.dumps(VALUES, ensure_ascii=False, indent=2) + "\n"
    (FOLDER / "effects.json").write_text(values, encoding="utf8")


if __name__ == "__main__":
    typer.run(main)
