"""Predict the labels of dated posts by pipelines that never saw them: cross-fitting by time.

python scripts/crossfit.py split assets/opinion/posts.jsonl corpus/opinion \
    --cut 2026-01-11 --cut 2026-01-19
(train one pipeline per folder corpus/opinion/0, 1, 2: see docs/monitor.md)
python scripts/crossfit.py predict assets/opinion/posts.jsonl training/opinion \
    assets/opinion/predicted.jsonl --cut 2026-01-11 --cut 2026-01-19

The posts are cut into blocks of consecutive days. The pipeline that labels a block is trained on
the other blocks only; its development texts are every tenth post of those.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

DEV_EVERY = 10
app = typer.Typer(add_completion=False, help="Cross-fit the labels of dated posts.")
CutOption = Annotated[list[str], typer.Option("--cut", help="First day of a new block, repeatable")]


def read_posts(path: Path) -> list[dict[str, Any]]:
    """RETURNS (list): The posts of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


def block_of(post: dict[str, Any], cuts: list[str]) -> int:
    """RETURNS (int): Number of the block of days in which a post was written, from 0."""
    return sum(post["time"] >= cut for cut in cuts)


def write_posts(path: Path, posts: list[dict[str, Any]]) -> None:
    """Write posts as JSON Lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(post, ensure_ascii=False) + "\n" for post in posts)
    path.write_text("".join(lines), encoding="utf8")


@app.command("split")
def split_cli(source: Path, output: Path, cut: CutOption) -> None:
    """Write OUTPUT/BLOCK/train.jsonl and dev.jsonl: the posts outside of each block."""
    posts = read_posts(source)
    for block in range(len(cut) + 1):
        others = [post for post in posts if block_of(post, cut) != block]
        dev = others[::DEV_EVERY]
        train = [post for number, post in enumerate(others) if number % DEV_EVERY]
        write_posts(output / str(block) / "train.jsonl", train)
        write_posts(output / str(block) / "dev.jsonl", dev)
        typer.echo(f"✔ {output / str(block)}: {len(train)} train, {len(dev)} dev")


@app.command("predict")
def predict_cli(source: Path, pipelines: Path, output: Path, cut: CutOption) -> None:
    """Write the posts with the labels of PIPELINES/BLOCK/model-best in the place of their own."""
    import spacy

    from xinzhi.apps.monitor.posts import PostFields, predicted_labels, to_record

    fields = PostFields()
    posts = read_posts(source)
    for block in range(len(cut) + 1):
        own = [post for post in posts if block_of(post, cut) == block]
        nlp = spacy.load(pipelines / str(block) / "model-best")
        for post, doc in zip(own, nlp.pipe([post["text"] for post in own]), strict=True):
            post |= to_record(post, predicted_labels(doc, fields), fields)
    write_posts(output, posts)
    typer.echo(f"✔ {output}: {len(posts)} posts")


if __name__ == "__main__":
    app()
