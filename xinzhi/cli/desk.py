"""xinzhi desk ask | evaluate"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ._app import app

if TYPE_CHECKING:
    from ..apps.desk import Desk

desk_app = typer.Typer(
    help="Customer service: intent, sentiment, entities, answer and routing in one call.",
    no_args_is_help=True,
)
app.add_typer(desk_app, name="desk")

IndexArgument = Annotated[Path, typer.Argument(help="The index, as from xinzhi faq build.")]
RulesOption = Annotated[Path, typer.Option("--rules", "-r", help="Routing rules, YAML.")]
PipelineOption = Annotated[
    str | None, typer.Option("--pipeline", "-p", help="Gives sentiment and entities.")
]


@desk_app.command("ask")
def ask_cli(
    index: IndexArgument,
    texts: Annotated[list[str], typer.Argument(help="What a user says, turn by turn.")],
    rules: RulesOption,
    pipeline: PipelineOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Take the turns of one conversation."""
    import json

    for outcome in _open(index, rules, pipeline).talk(texts):
        if as_json:
            typer.echo(json.dumps(outcome, ensure_ascii=False))
            continue
        urgent = ", urgent" if outcome["urgent"] else ""
        typer.echo(f"{outcome['text']}\n→ {outcome['route']}{urgent} ({outcome['rule']})")
        for name in ("intent", "sentiment"):
            label = outcome[name]
            if label:
                typer.echo(f"  {name}: {label['label']} {label['probability']:.2f}")
        for entity in outcome["entities"]:
            typer.echo(f"  entity: {entity['text']} ({entity['label']})")
        if outcome["say"]:
            typer.echo(f"  {outcome['say']}")
        if outcome["route"] == "clarify" and outcome["reply"]["decision"] == "clarify":
            for answer in outcome["reply"]["answers"][:2]:
                typer.echo(f"  ? {answer['question']}")


@desk_app.command("evaluate")
def evaluate_cli(
    index: IndexArgument,
    transcript: Annotated[Path, typer.Argument(help='{"conversation", "text", "expected"}')],
    rules: RulesOption,
    pipeline: PipelineOption = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
) -> None:
    """Run conversations and compare with what should have been done."""
    from ..apps.desk.transcript import judge_transcript, read_transcript, run_transcript
    from ..files import write_json

    turns = read_transcript(transcript)
    result = judge_transcript(turns, run_transcript(_open(index, rules, pipeline), turns))
    for row in result["mistakes"]:
        typer.echo(f"✘ {row['turn']} {row['text']}")
        typer.echo(f"  {row['what']}: {row['expected']!r} expected, {row['got']!r}")
    for name, score in result["scores"].items():
        typer.echo(f"{name}: {score['right']} of {score['turns']} right")
    urgent = result["urgent"]
    typer.echo(f"urgent: {urgent['missed']} missed, {urgent['false']} without need")
    if json_file is not None:
        write_json(json_file, result)


def _open(index: Path, rules: Path, pipeline: str | None) -> Desk:
    from ..apps.desk import Desk, read_rules
    from ..apps.faq import Faq

    read = read_rules(rules)
    nlp = None
    if pipeline is not None:
        from ..evaluation.evaluate import load_pipeline

        nlp = load_pipeline(pipeline)
    return Desk(Faq.load(index), read, nlp)
