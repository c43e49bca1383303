"""An entity label and a label of a head, held back from the first training, are learned later.

python scripts/experiment_update.py corpus/smartcity training/update-experiment
python scripts/experiment_update.py corpus/smartcity training/update-experiment ours naive

Stages, each left out if its result is there: `base` trains on the texts without the held-back
labels; `ours`, `naive` and `poisoned` update it with the texts that have them; `scratch` trains on
everything. Then the table is printed. Judged on dev and test texts together: no stage but the
trainings from nothing looks at either.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from xinzhi.evaluation.evaluate import evaluate
from xinzhi.training.labels import labels_of
from xinzhi.training.train import train
from xinzhi.update import Options, update
from xinzhi.update.report import JSON

ENTITY, TOPIC = "社会福祉", "topic/教育培训"
OURS = Options(replay_size=500)
NAIVE = Options(epochs=2, replay_size=0, distillation=0.0)


def split(corpus: Path, folder: Path) -> None:
    """Write old.spacy (texts without the held-back labels), new.spacy, poisoned.spacy, judge.spacy
    (dev and test)."""
    vocab = Vocab()
    old: list[Doc] = []
    new: list[Doc] = []
    for doc in read(corpus / "train.spacy", vocab):
        held_back = {ENTITY, TOPIC} & set(labels_of(doc))
        (new if held_back else old).append(doc)
    for doc in old:  # the label did not exist
        doc.cats = {key: value for key, value in doc.cats.items() if key != TOPIC}
    judge = [*read(corpus / "dev.spacy", vocab), *read(corpus / "test.spacy", vocab)]
    parts = {"old": old, "new": new, "judge": judge, "poisoned": poison(new)}
    for name, docs in parts.items():
        DocBin(docs=docs, store_user_data=True).to_disk(folder / f"{name}.spacy")
        typer.echo(f"{name}.spacy: {len(docs)} texts")


def read(path: Path, vocab: Vocab) -> list[Doc]:
    return list(DocBin().from_disk(path).get_docs(vocab))


def poison(docs: list[Doc]) -> list[Doc]:
    """RETURNS (list): Copies whose entity labels, and heads, are those of others."""
    rng = random.Random(0)
    copies = [doc.copy() for doc in docs]
    labels = [ent.label_ for doc in docs for ent in doc.ents]
    rng.shuffle(labels)
    for doc in copies:
        spans = [doc.char_span(e.start_char, e.end_char, labels.pop()) for e in doc.ents]
        doc.set_ents(spans)
    for doc, cats in zip(copies, rng.sample([d.cats for d in docs], len(docs)), strict=True):
        doc.cats = dict(cats)
    return copies


def train_on(data: str, name: str, steps: int) -> Callable[[Path, Path], Path]:
    """RETURNS (Callable): Trains configs/smartcity.cfg for so many steps."""

    def run(corpus: Path, folder: Path) -> Path:
        path = folder / "old.spacy" if data == "old" else corpus / "train.spacy"
        settings: dict[str, Any] = {"paths.train": str(path), "paths.dev": f"{corpus}/dev.spacy"}
        schedule = "training.optimizer.learn_rate."
        settings |= {"training.max_steps": steps, "training.eval_frequency": steps // 2}
        settings |= {f"{schedule}total_steps": steps, f"{schedule}warmup_steps": steps // 10}
        return train("configs/smartcity.cfg", folder / name, overrides=settings)

    return run


def update_with(data: str, name: str, options: Options) -> Callable[[Path, Path], Path]:
    """RETURNS (Callable): Updates the first pipeline."""

    def run(corpus: Path, folder: Path) -> Path:
        report = update(
            folder / "base" / "model-best",
            folder / f"{data}.spacy",
            folder / name,
            replay=folder / "old.spacy" if options.replay_size else None,
            test=folder / "judge.spacy",
            options=options,
        )
        typer.echo("\n".join([f"promoted: {report['model']}", *report["verdict"]["reasons"]]))
        return folder / name

    return run


STAGES: dict[str, Callable[[Path, Path], Path]] = {
    "base": train_on("old", "base", 500),
    "ours": update_with("new", "ours", OURS),
    "naive": update_with("new", "naive", NAIVE),
    "poisoned": update_with("poisoned", "poisoned", replace(OURS, epochs=1)),
    "scratch": train_on("all", "scratch", 1200),
}


def scores(folder: Path) -> dict[str, dict[str, float]]:
    """RETURNS (dict): Stage -> label -> F-score on judge.spacy."""
    found = {}
    for name in STAGES:
        pipeline = next((p for p in pipelines(folder / name) if p.is_dir()), None)
        cache = folder / f"{name}.json"
        if pipeline is None:
            continue
        if not cache.exists():
            result = evaluate(pipeline, folder / "judge.spacy")
            rows = {k: v["f1"] for k, v in result["entities"]["labels"].items()}
            for head, scored in result["heads"].items():
                rows |= {f"{head}/{k}": v["f1"] for k, v in scored["labels"].items()}
            rows |= {"entities": result["entities"]["f1"]}
            cache.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf8")
        found[name] = json.loads(cache.read_text(encoding="utf8"))
    return found


def pipelines(folder: Path) -> list[Path]:
    return [folder / name for name in ("model", "candidate", "model-best")]


def print_table(folder: Path) -> None:
    """Print the F-score of every label after every stage, and the gate's verdicts."""
    found = scores(folder)
    typer.echo(f"| label | {' | '.join(found)} |")
    typer.echo("| --- |" + " ---: |" * len(found))
    for label in dict.fromkeys(label for rows in found.values() for label in rows):
        cells = (f"{100 * (rows.get(label) or 0.0):.1f}" for rows in found.values())
        typer.echo(f"| {label} | {' | '.join(cells)} |")
    for name in STAGES:
        if (folder / name / JSON).exists():
            verdict = json.loads((folder / name / JSON).read_text(encoding="utf8"))["verdict"]
            typer.echo(f"{name}: {'promoted' if verdict['passed'] else 'refused'}")


def main(
    corpus: Annotated[Path, typer.Argument(help="Folder with train, dev and test.spacy")],
    folder: Annotated[Path, typer.Argument(help="Where everything goes")],
    stages: Annotated[list[str] | None, typer.Argument(help="Only these")] = None,
) -> None:
    """Run the stages whose result is not there, then print the table."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "judge.spacy").exists():
        split(corpus, folder)
    for name in STAGES if stages is None else stages:
        if not any(path.is_dir() for path in pipelines(folder / name)):
            STAGES[name](corpus, folder)
    print_table(folder)


if __name__ == "__main__":
    typer.run(main)
