"""xinzhi faq build | ask | add | remove | evaluate"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._app import app

if TYPE_CHECKING:
    from ..apps.faq import Entry, FineTuning, Query

faq_app = typer.Typer(
    help="Answer matching: a knowledge base, asked in the users' own words.", no_args_is_help=True
)
app.add_typer(faq_app, name="faq")

IndexArgument = Annotated[Path, typer.Argument(help="The index, a folder.")]
EntriesArgument = Annotated[
    Path, typer.Argument(help='JSON Lines: {"id", "question", "answer", "intent", "similar"}.')
]
QueriesOption = Annotated[
    list[Path] | None,
    typer.Option("--queries", "-q", help='What users asked: {"text", "faq_id"} or {"text"}.'),
]
EncoderOption = Annotated[str, typer.Option(help="Folder, registered name, or hub name.")]
TuneOption = Annotated[
    Path | None,
    typer.Option("--tune", help="Fine-tune the encoder with the settings of this file."),
]
JsonOption = Annotated[Path | None, typer.Option("--json", help="Write the result here.")]


@faq_app.command("build")
def build_cli(
    entries: EntriesArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the index.")],
    queries: QueriesOption = None,
    encoder: EncoderOption = "e5-small",
    tune: TuneOption = None,
) -> None:
    """Make an index of a knowledge base; what users asked makes it better, and calibrates it."""
    from ..apps.faq import Embedder, Faq

    known, asked = _read(entries, queries)
    tuning = _tuning(tune)
    faq = Faq.build(output, known, Embedder.load(encoder), asked, tuning, _show_progress)
    typer.echo(f"✔ {output}: {len(faq.entries)} entries, {len(asked)} queries learnt from")


@faq_app.command("ask")
def ask_cli(
    index: IndexArgument,
    texts: Annotated[list[str], typer.Argument(help="What a user asks.")],
    top: Annotated[int, typer.Option("--top", "-k", help="How many answers at most.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Answer queries."""
    import json

    from ..apps.faq import Faq

    for text, reply in zip(texts, Faq.load(index).ask_all(texts, top), strict=True):
        if as_json:
            typer.echo(json.dumps({"text": text, **reply}, ensure_ascii=False))
            continue
        typer.echo(f"{text}\n→ {reply['decision']} (no answer: {reply['none']:.2f})")
        for answer in reply["answers"]:
            typer.echo(f"  {answer['probability']:.2f} {answer['id']} {answer['question']}")
        if reply["decision"] == "answer":
            typer.echo(f"  {reply['answers'][0]['answer']}")


@faq_app.command("add")
def add_cli(
    index: IndexArgument,
    entries: EntriesArgument,
    replace: Annotated[bool, typer.Option("--replace", help="Replace those of same id.")] = False,
) -> None:
    """Add entries, all or none, without a rebuild."""
    from ..apps.faq import Faq, read_entries

    new = read_entries(entries)
    faq = Faq.load(index)
    faq.add(new, replace)
    typer.echo(f"✔ {len(new)} added: {len(faq.entries)} entries")


@faq_app.command("remove")
def remove_cli(
    index: IndexArgument, ids: Annotated[list[str], typer.Argument(help="Ids of entries.")]
) -> None:
    """Remove entries, all or none, without a rebuild."""
    from ..apps.faq import Faq

    faq = Faq.load(index)
    faq.remove(ids)
    typer.echo(f"✔ {len(ids)} removed: {len(faq.entries)} entries")


def _read(entries: Path, queries: list[Path] | None) -> tuple[list[Entry], list[Query]]:
    from ..apps.faq import read_entries, read_queries

    known = read_entries(entries)
    return known, read_queries(queries or [], {entry.id for entry in known})


def _tuning(path: Path | None) -> FineTuning | None:
    if path is None:
        return None
    from ..apps.faq import FineTuning
    from ..apps.settings_file import read_settings

    return read_settings(path, FineTuning)


def _show_progress(step: int, steps: int, loss: float) -> None:
    if step in (1, steps) or step % 10 == 0:
        typer.echo(f"step {step} of {steps}: loss {loss:.3f}", err=True)


@faq_app.command("evaluate")
def evaluate_cli(
    entries: EntriesArgument,
    queries: QueriesOption = None,
    encoder: EncoderOption = "e5-small",
    tune: TuneOption = None,
    folds: Annotated[int, typer.Option(help="Stratified by entry; an even number.")] = 6,
    json_file: JsonOption = None,
) -> None:
    """Compare BM25, embeddings, fusion, ranker, fine-tuning on queries not learnt from."""
    from ..apps.faq import Embedder
    from ..apps.faq.evaluate import evaluate
    from ..files import write_json

    known, asked = _read(entries, queries)
    scores = evaluate(known, Embedder.load(encoder), asked, _tuning(tune), folds, _show_progress)
    _show_scores(scores)
    if json_file is not None:
        write_json(json_file, scores)


def _show_scores(scores: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    kinds = list(dict.fromkeys(kind for row in scores.values() for kind in row["rejected"]))
    title = "Recall, and what share of which queries is told that there is no answer"
    table = Table("method", title=title, show_edge=False, collapse_padding=True)
    for name in ("R@1", "R@5", "MRR", *kinds, "ECE"):
        table.add_column(name, no_wrap=True)
    for name, row in scores.items():
        cells = [f"{row[key]['value']:.3f}" for key in ("recall_at_1", "recall_at_5", "mrr")]
        shares = [row["rejected"].get(kind) for kind in kinds]
        cells += ["" if share is None else f"{share['share']:.3f}" for share in shares]
        table.add_row(
            name, *cells, f"{row['calibration']['ece']:.3f}" if "calibration" in row else ""
        )
    Console().print(table)
