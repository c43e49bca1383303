"""How fast does the monitor take posts in, and answer?

python scripts/bench_monitor.py --output metrics/monitor

Made-up posts of 60 days with their labels: 40 topics, 2,000 entities, one entity a post, 2 % copies
of another text. The first tenth of the file is then taken in again, as after a stop.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from xinzhi.apps.monitor.alarms import find_alarms
from xinzhi.apps.monitor.database import Database, open_database
from xinzhi.apps.monitor.ingest import ingest
from xinzhi.apps.monitor.trends import dashboard_data
from xinzhi.files import write_json

DAYS, TOPICS, ENTITIES = 60, 40, 2000
SENTIMENTS = ("negative", "neutral", "positive")
WORDS = "付款失败银行客服理财收益到账手机服务网点排队保险理赔快慢好坏贷款利息今天昨天真的怎么"
QUERIES = {
    "posts of a topic by day and sentiment": (
        "SELECT day, sentiment, texts FROM trends WHERE topic = '话题3' AND entity = '' ORDER BY 1"
    ),
    "texts on an entity by day": (
        "SELECT CAST(p.local_at AS DATE), p.sentiment, COUNT(*) FROM unique_posts AS p "
        "JOIN mentions AS m ON m.post_id = p.id WHERE m.surface = '机构0007' GROUP BY 1, 2"
    ),
    "latest negative texts of a topic": (
        "SELECT id, local_at, text FROM posts WHERE topic = '话题3' AND sentiment = 'negative' "
        "ORDER BY local_at DESC LIMIT 20"
    ),
    "one post by its id": "SELECT * FROM posts WHERE id = '777'",
}


def write_posts(path: Path, rows: int) -> None:
    """Write made-up posts as JSON Lines, in order of time."""
    rng = np.random.default_rng(0)
    characters = np.array(list(WORDS))
    start = datetime(2026, 1, 5, tzinfo=timezone(timedelta(hours=8)))
    topics, entities = rng.zipf(1.5, rows) % TOPICS, rng.zipf(1.3, rows) % ENTITIES
    moods, lengths = rng.integers(0, 3, rows), rng.integers(20, 60, rows)
    last = ""
    with path.open("w", encoding="utf8") as file:
        for number in range(rows):
            name = f"机构{entities[number]:04d}"
            text = name + "".join(rng.choice(characters, lengths[number]))
            last = text = last if last and number % 50 == 0 else text
            second = DAYS * 86400 * number / rows
            record = {
                "id": number,
                "time": (start + timedelta(seconds=second)).isoformat(),
                "text": text,
                "label": [[0, len(name), "机构"]],
                "cats": {
                    "topic": f"话题{topics[number]}",
                    "sentiment": SENTIMENTS[moods[number]],
                },
                "source": "forum",
            }
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def timed(function: Callable[[], Any], times: int = 1) -> float:
    """RETURNS (float): The median of the seconds that a call takes."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def first_part(path: Path, rows: int) -> Path:
    """RETURNS (Path): A file with the first lines of another."""
    part = path.with_name("part.jsonl")
    with path.open(encoding="utf8") as source, part.open("w", encoding="utf8") as file:
        for _ in range(rows):
            file.write(source.readline())
    return part


def measure(database: Database, path: Path, rows: int) -> dict[str, Any]:
    """RETURNS (dict): Rows a second, and seconds."""
    taken = timed(lambda: ingest(database, [str(path)]))
    part = first_part(path, rows // 10)
    again = timed(lambda: ingest(database, [str(part)]))
    seconds = {
        name: timed(lambda sql=sql: database.rows(sql), 5)  # type: ignore[misc]
        for name, sql in QUERIES.items()
    }
    seconds["data of the dashboard"] = timed(lambda: dashboard_data(database), 3)
    seconds["alarms of 60 days"] = timed(lambda: find_alarms(database))
    last = datetime(2026, 1, 5) + timedelta(days=DAYS - 7)
    seconds["alarms of the last 7 days"] = timed(lambda: find_alarms(database, since=last))
    return {
        "rows": rows,
        "rows_per_second": rows / taken,
        "known_rows_per_second": rows // 10 / again,
        "seconds": seconds,
    }


def main(
    output: Annotated[Path, typer.Option(help="Folder for bench.json")],
    rows: Annotated[int, typer.Option()] = 1_000_000,
) -> None:
    """Measure, print the results and write them."""
    folder = Path(tempfile.mkdtemp())
    try:
        path = folder / "posts.jsonl"
        write_posts(path, rows)
        with open_database(folder / "posts.duckdb", create=True) as database:
            results = measure(database, path, rows)
        results["megabytes"] = (folder / "posts.duckdb").stat().st_size / 1e6
    finally:
        shutil.rmtree(folder)
    typer.echo(json.dumps(results, indent=2, ensure_ascii=False))
    write_json(output / "bench.json", results)


if __name__ == "__main__":
    typer.run(main)
