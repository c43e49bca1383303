"""Measure the ways to keep Han characters separable: entity F on dev, one training run per way.

python scripts/compare_han.py corpus/smartcity [corpus/weibo_ner …] [--steps 540]

Each corpus folder holds train.spacy and dev.spacy (xinzhi convert). The pipeline is that of
configs/smartcity.cfg without the classification heads; everything but `han` is the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import srsly
import typer
from rich.console import Console
from rich.table import Table

from xinzhi.files import write_json
from xinzhi.layers.encoder import HAN_MODES
from xinzhi.training.train import train

CONFIG = Path(__file__).parent.parent / "configs" / "smartcity.cfg"


def run(corpus: Path, han: str, steps: int, work: Path) -> dict[str, Any]:
    """Train once. RETURNS (dict): corpus, way, entity F on dev, pieces of the dev texts."""
    import spacy
    from spacy.tokens import DocBin

    overrides = {
        "nlp.pipeline": ["transformer", "xinzhi_ner", "doc_cleaner"],
        "paths.train": str(corpus / "train.spacy"),
        "paths.dev": str(corpus / "dev.spacy"),
        "components.transformer.model.han": han,
        "training.max_steps": steps,
        "training.eval_frequency": max(1, steps // 2),
        "training.optimizer.learn_rate.total_steps": steps,
        "training.optimizer.learn_rate.warmup_steps": steps // 10,
        "training.score_weights.cats_score": None,
    }
    best = train(CONFIG, work / f"{corpus.name}-{han}", overrides=overrides)
    scores = srsly.read_json(best / "meta.json")["performance"]
    nlp = spacy.load(best, exclude=["xinzhi_ner"])
    tokenizer = nlp.get_pipe("transformer").model.tokenizer
    dev = [doc.text for doc in DocBin().from_disk(corpus / "dev.spacy").get_docs(nlp.vocab)]
    pieces = sum(len(p.ids) for p in tokenizer.encode(dev))
    return {"corpus": corpus.name, "han": han, "ents_f": scores["ents_f"], "dev_pieces": pieces}


def main(
    corpora: Annotated[list[Path], typer.Argument(help="Folders with train.spacy and dev.spacy")],
    steps: Annotated[int, typer.Option(help="Training steps per run", min=1)] = 540,
    work: Annotated[Path, typer.Option(help="Where to train")] = Path("training/han"),
    output: Annotated[Path, typer.Option(help="JSON to write")] = Path("metrics/han.json"),
) -> None:
    """Train each way on each corpus and print the table."""
    rows = [run(corpus, han, steps, work) for corpus in corpora for han in HAN_MODES]
    write_json(output, {"steps": steps, "runs": rows})
    table = Table("corpus", "han", "entity F on dev", "pieces of the dev texts")
    for row in rows:
        table.add_row(row["corpus"], row["han"], f"{row['ents_f']:.3f}", f"{row['dev_pieces']:,}")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
