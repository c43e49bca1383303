"""Write assets/recommend: made-up courses of a community school, and who liked which.

python scripts/recommend_sample.py

Every resident likes one or two fields; most visits are to these, the rest to anything, and some
courses are better known than others. A third of the courses opens while the visits go on.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import typer

FOLDER = Path(__file__).parent.parent / "assets" / "recommend"
START = datetime(2026, 3, 2, 9, tzinfo=timezone(timedelta(hours=8)))
DAYS, RESIDENTS = 90, 120
FIELDS = {
    "烹饪": (
        "家常川菜入门",
        "广式点心",
        "面包烘焙",
        "素食料理",
        "刀工与火候",
        "节气汤饮",
        "西餐摆盘",
        "低糖甜品",
        "江南小炒",
    ),
    "书画": (
        "毛笔楷书",
        "山水画基础",
        "水彩写生",
        "篆刻体验",
        "钢笔行书",
        "花鸟工笔",
        "速写人物",
        "版画工作坊",
        "国画赏析",
    ),
    "健身": (
        "太极二十四式",
        "瑜伽初级",
        "八段锦",
        "核心力量训练",
        "广场舞编排",
        "羽毛球双打",
        "健步走营",
        "拉伸与放松",
        "乒乓球进阶",
    ),
    "数码": (
        "手机摄影",
        "短视频剪辑",
        "防诈骗与支付安全",
        "表格处理",
        "人工智能助手",
        "智能家居设置",
        "照片修复",
        "编程第一课",
        "在线问诊使用",
    ),
    "园艺": (
        "阳台种菜",
        "多肉养护",
        "盆景修剪",
        "插花艺术",
        "堆肥与土壤",
        "兰花栽培",
        "月季繁殖",
        "水培绿植",
        "昆虫与授粉",
    ),
    "音乐": (
        "合唱团",
        "二胡入门",
        "尤克里里",
        "民歌欣赏",
        "口琴重奏",
        "古筝基础",
        "非洲鼓",
        "钢琴弹唱",
        "戏曲身段",
    ),
}


def main() -> None:
    """Write items.jsonl and events.jsonl."""
    rng = np.random.default_rng(7)
    items = [(name, field) for field, names in FIELDS.items() for name in names]
    opens = np.where(np.arange(len(items)) % 3 == 2, rng.integers(10, 80, len(items)), -30)
    fame = rng.gamma(2.0, 1.0, len(items))
    fields = np.array([field for _, field in items])
    rows = []
    for resident in range(RESIDENTS):
        wanted = rng.choice(list(FIELDS), int(rng.integers(1, 3)), replace=False)
        taste = np.where(np.isin(fields, wanted), 12.0, 1.0) * fame
        first = int(rng.integers(0, 60))
        days = np.sort(rng.integers(first, DAYS, int(rng.integers(8, 16))))
        been: list[int] = []
        for day in days:
            shares = taste * (opens <= day)
            shares[been] = 0
            item = int(rng.choice(len(items), p=shares / shares.sum()))
            been.append(item)
            time = START + timedelta(days=int(day), minutes=int(rng.integers(0, 600)))
            liked = bool(rng.random() < (0.9 if fields[item] in wanted else 0.4))
            rows.append((time.isoformat(), f"居民{resident + 1}", item + 1, liked))
    _write("items", [_item(number, *item, int(opens[number])) for number, item in enumerate(items)])
    keys = ("time", "user", "item", "liked")
    _write("events", [dict(zip(keys, row, strict=True)) for row in sorted(rows)])


def _item(number: int, name: str, field: str, opens: int) -> dict[str, object]:
    time = (START + timedelta(days=opens)).date().isoformat()
    return {"id": number + 1, "text": name, "categories": [field], "time": time}


def _write(name: str, records: list[dict[str, object]]) -> None:
    lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in records]
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.jsonl").write_text("".join(lines), encoding="utf8")


if __name__ == "__main__":
    typer.run(main)
