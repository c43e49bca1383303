"""Turn a public corpus into the input of `xinzhi convert`, for the runs in docs/experiments.md.

python scripts/experiment_data.py CORPUS SOURCE.jsonl OUT.jsonl [--limit N] [--without TEST.jsonl]

CORPUS is cluener2020, waimai_10k, smp2019_ecdt_nlu or bdci_car_2018; the files are yours. Lines
with the same text become one record.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

Row = dict[str, Any]


def cluener2020(rows: list[Row]) -> Row:
    """RETURNS (dict): Entities only."""
    return {"label": without_overlap(rows[0]["entities"])}


def waimai_10k(rows: list[Row]) -> Row | None:
    """RETURNS (dict): Sentiment only; None if the lines of a text disagree."""
    labels = {row["label"] for row in rows}
    return {"cats": {"sentiment": labels.pop()}} if len(labels) == 1 else None


def smp2019_ecdt_nlu(rows: list[Row]) -> Row:
    """RETURNS (dict): Slots as entities, and two heads."""
    row = rows[0]
    heads = {"domain": row["label"], "intent": row["intent"]}
    return {"label": without_overlap(row["entities"]), "cats": heads}


def bdci_car_2018(rows: list[Row]) -> Row:
    """RETURNS (dict): The mean sentiment (-1, 0, 1) of the aspects of a comment, as a score."""
    values = [float(row["sentiment"]) for row in rows]
    return {"scores": {"sentiment": sum(values) / len(values)}}


CORPORA: dict[str, Callable[[list[Row]], Row | None]] = {
    "cluener2020": cluener2020,
    "waimai_10k": waimai_10k,
    "smp2019_ecdt_nlu": smp2019_ecdt_nlu,
    "bdci_car_2018": bdci_car_2018,
}


def without_overlap(entities: list[list[Any]]) -> list[list[Any]]:
    """RETURNS (list): Of overlapping entities only the longest, in the order of the text."""
    kept: list[list[Any]] = []
    for start, end, label in sorted(entities, key=lambda e: (e[0] - e[1], e[0])):
        if all(end <= first or last <= start for first, last, _ in kept):
            kept.append([start, end, label])
    return sorted(kept)


def read_texts(path: Path) -> dict[str, list[Row]]:
    """RETURNS (dict): Text -> its lines, in the order of the file."""
    texts: dict[str, list[Row]] = {}
    with path.open(encoding="utf8") as file:
        for line in file:
            row = json.loads(line)
            texts.setdefault(row["text"], []).append(row)
    return texts


def main(
    corpus: Annotated[str, typer.Argument(help=", ".join(CORPORA))],
    source: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    output: Path,
    limit: Annotated[int, typer.Option(help="Only the first N texts; 0: all.")] = 0,
    without: Annotated[
        list[Path] | None, typer.Option(help="Leave out texts that are in this file.")
    ] = None,
) -> None:
    """Write OUTPUT: one record per text, in the order of SOURCE."""
    if corpus not in CORPORA:
        raise typer.BadParameter(f"CORPUS is one of {', '.join(CORPORA)}, not {corpus!r}.")
    other = {text for path in without or [] for text in read_texts(path)}
    texts = {text: rows for text, rows in read_texts(source).items() if text not in other}
    records = [(text, CORPORA[corpus](rows)) for text, rows in texts.items()]
    lines = [json.dumps({"text": text, **r}, ensure_ascii=False) for text, r in records if r]
    lines = lines[: limit or None]
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("\n".join(lines) + "\n", encoding="utf8")
    typer.echo(f"✔ {output}: {len(lines)} texts")


if __name__ == "__main__":
    typer.run(main)
