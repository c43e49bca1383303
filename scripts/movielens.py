"""Turn MovieLens into what `xinzhi recommend` reads.

python scripts/movielens.py FOLDER OUTPUT

FOLDER holds movies.csv and ratings.csv of MovieLens (grouplens.org/datasets/movielens), or the same
as items.jsonl and users.jsonl. A film is its title and genres; it came out on the first day of the
year in its title. Liked: 4 stars or more. The tags are left out: they were given by viewers, so how
many a film has tells how well known it was going to be.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

LIKED = 4.0
_YEAR = re.compile(r"\((\d{4})\)\s*$")
Record = dict[str, Any]


def films(folder: Path) -> Iterator[Record]:
    """YIELDS (dict): Id, text, categories and, if it is known, time."""
    for number, title, genres in _titles(folder):
        film = {"id": number, "text": title, "categories": genres}
        year = _YEAR.search(title)
        yield {**film, "time": f"{year[1]}-01-01"} if year else film


def ratings(folder: Path) -> Iterator[Record]:
    """YIELDS (dict): User, item, time, and whether it was liked."""
    for user, film, stars, time in _stars(folder):
        yield {"user": user, "item": film, "time": time, "liked": stars >= LIKED}


def _titles(folder: Path) -> Iterator[tuple[int, str, list[str]]]:
    table = folder / "movies.csv"
    if not table.is_file():
        for row in _json_lines(folder / "items.jsonl"):
            yield row["item"], row["text"], row["genres"]
        return
    with table.open(encoding="utf8", newline="") as file:
        for row in csv.DictReader(file):
            genres = [name for name in row["genres"].split("|") if name[:1] != "("]
            yield int(row["movieId"]), row["title"], genres


def _stars(folder: Path) -> Iterator[tuple[int, int, float, int]]:
    table = folder / "ratings.csv"
    if not table.is_file():
        for user in _json_lines(folder / "users.jsonl"):
            for film, stars, time in user["ratings"]:
                yield user["user"], film, stars, time
        return
    with table.open(encoding="utf8", newline="") as file:
        for row in csv.DictReader(file):
            key = (int(row["userId"]), int(row["movieId"]))
            yield *key, float(row["rating"]), int(row["timestamp"])


def _json_lines(path: Path) -> Iterator[Record]:
    with path.open(encoding="utf8") as file:
        yield from map(json.loads, file)


def main(
    folder: Annotated[Path, typer.Argument()], output: Annotated[Path, typer.Argument()]
) -> None:
    """Write items.jsonl and events.jsonl."""
    output.mkdir(parents=True, exist_ok=True)
    for name, records in (("items", films(folder)), ("events", ratings(folder))):
        with (output / f"{name}.jsonl").open("w", encoding="utf8") as file:
            for record in records:
                file.write(json.dumps(record, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    typer.run(main)
