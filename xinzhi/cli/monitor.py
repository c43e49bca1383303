"""xinzhi monitor ingest | alarms | dashboard | drift | evaluate | watch"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._app import app

if TYPE_CHECKING:
    from ..apps.monitor.alarms import Findings
    from ..apps.monitor.delivery import Target
    from ..apps.monitor.ingest import IngestReport
    from ..apps.monitor.posts import PostFields
    from ..apps.monitor.settings import AlarmSettings

SECRET = "XINZHI_WEBHOOK_SECRET"
monitor_app = typer.Typer(
    help="Opinion monitor: dated texts, trends, surge alarms, drift.", no_args_is_help=True
)
app.add_typer(monitor_app, name="monitor")

DatabaseArgument = Annotated[Path, typer.Argument(help="The database, a DuckDB file.")]
PipelineOption = Annotated[
    str | None,
    typer.Option("--pipeline", "-p", help="Labels the posts; without it they carry their labels."),
]
ZoneOption = Annotated[
    str | None,
    typer.Option(help="Zone of the days and hours of a new database (Asia/Shanghai)."),
]
AssumeOption = Annotated[
    str | None, typer.Option(help="Zone of times that name none; without it they are rejected.")
]
FieldOption = Annotated[
    list[str] | None,
    typer.Option(
        "--field",
        help="Where a record holds what, e.g. time=发布时间; also id, text, channel, and the heads "
        "topic and sentiment.",
    ),
]
SentimentOption = Annotated[str, typer.Option(help="The sentiment whose surges raise alarms.")]
VolumeOption = Annotated[int, typer.Option(help="Fewest different texts in a window.")]
FalseOption = Annotated[float, typer.Option(help="Alarms without a cause to expect in 30 days.")]
CooldownOption = Annotated[int, typer.Option(help="Hours of calm after which an alarm is over.")]
JsonlOption = Annotated[
    Path | None, typer.Option("--jsonl", help="Append new alarms to this JSON Lines file.")
]
WebhookOption = Annotated[
    str | None,
    typer.Option(help=f"POST new alarms to this address, signed with ${SECRET} if that is set."),
]


@monitor_app.command("ingest")
def ingest_cli(
    database: DatabaseArgument,
    files: Annotated[list[str], typer.Argument(help="JSON Lines, CSV, Parquet; folders, globs.")],
    pipeline: PipelineOption = None,
    zone: ZoneOption = None,
    assume_zone: AssumeOption = None,
    field: FieldOption = None,
    rejects: Annotated[
        Path | None, typer.Option(help="Write all rejected records of the database here.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Take everything, or nothing if a record is bad.")
    ] = False,
) -> None:
    """Put posts into the database, each once. Can be stopped and run again at any time."""
    from ..apps.monitor.database import open_database
    from ..apps.monitor.dates import get_zone
    from ..apps.monitor.ingest import ingest, write_rejects

    naive = get_zone(assume_zone) if assume_zone else None
    nlp = _load(pipeline)
    with open_database(database, create=True, zone=zone) as opened:
        report = ingest(
            opened,
            files,
            pipeline=nlp,
            fields=_fields(field),
            assume_zone=naive,
            strict=strict,
        )
        if rejects is not None:
            write_rejects(opened, rejects)
    _show_report(report)


@monitor_app.command("alarms")
def alarms_cli(
    database: DatabaseArgument,
    since: Annotated[
        datetime | None, typer.Option(help="Only alarms that last until then or later, local time.")
    ] = None,
    sentiment: SentimentOption = "negative",
    min_volume: VolumeOption = 5,
    false_alarms: FalseOption = 0.05,
    cooldown: CooldownOption = 24,
    jsonl: JsonlOption = None,
    webhook: WebhookOption = None,
) -> None:
    """Look for surges, keep them in the database, show them, and send the new ones."""
    from ..apps.monitor.alarms import update_alarms
    from ..apps.monitor.database import open_database
    from ..apps.monitor.delivery import deliver, describe

    targets = _targets(jsonl, webhook)
    with open_database(database, write=True) as opened:
        settings = _settings(sentiment, min_volume, false_alarms, cooldown)
        found = update_alarms(opened, settings, since)
        failures = deliver(opened, found.alarms, targets)
    for alarm in found.alarms:
        typer.echo(describe(alarm))
    _show_findings(found, failures)


@monitor_app.command("dashboard")
def dashboard_cli(
    database: DatabaseArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="The HTML file.")],
    since: Annotated[datetime | None, typer.Option(help="First day.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Last day.")] = None,
    reference: Annotated[
        list[Path] | None, typer.Option(help="Training files: show the drift from them as well.")
    ] = None,
) -> None:
    """Write a page with alarms, trends, heat maps and details: one file, no network."""
    from ..apps.monitor.database import open_database
    from ..apps.monitor.drift import corpus_sample, measure_drift, posts_sample
    from ..apps.monitor.page import write_dashboard

    days = [None if day is None else day.date() for day in (since, until)]
    with open_database(database) as opened:
        drift = []
        if reference:
            drift = measure_drift(corpus_sample(reference), posts_sample(opened, since, until))
        write_dashboard(opened, output, since=days[0], until=days[1], drift=drift)
    typer.echo(f"✔ {output}")


@monitor_app.command("drift")
def drift_cli(
    database: DatabaseArgument,
    since: Annotated[datetime, typer.Option(help="Begin of the time to look at, local.")],
    until: Annotated[datetime | None, typer.Option(help="Its end.")] = None,
    reference: Annotated[
        list[Path] | None,
        typer.Option(help="Training files; without them: the posts before --since."),
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the rows here.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 on a large drift.")] = False,
) -> None:
    """Compare length, vocabulary, labels, confidence with the training files or an earlier time."""
    from rich.console import Console
    from rich.table import Table

    from ..apps.monitor.database import open_database
    from ..apps.monitor.drift import corpus_sample, measure_drift, posts_sample
    from ..files import write_json

    with open_database(database) as opened:
        current = posts_sample(opened, since, until)
        old = corpus_sample(reference) if reference else posts_sample(opened, None, since)
    rows = measure_drift(old, current)
    table = Table("measure", "distance", "by chance up to", "drift", "what changed")
    for row in rows:
        table.add_row(row.name, f"{row.value:.3f}", f"{row.noise:.3f}", row.level, row.detail)
    Console().print(table)
    if json_file is not None:
        write_json(json_file, [vars(row) for row in rows])
    if strict and any(row.level == "large" for row in rows):
        raise typer.Exit(1)


@monitor_app.command("evaluate")
def evaluate_cli(
    database: DatabaseArgument,
    events: Annotated[Path, typer.Argument(help="Known events, a JSON list.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
) -> None:
    """Hold the alarms of the database against known events; exit code 1 if they do not agree."""
    from ..apps.monitor.alarms import find_alarms
    from ..apps.monitor.database import open_database
    from ..apps.monitor.outcome import compare, read_events
    from ..files import write_json

    with open_database(database) as opened:
        result = compare(find_alarms(opened).alarms, read_events(events, opened.zone))
    for row in result["events"]:
        wanted = "alarm" if row["expected"] else "no alarm"
        hours = row["latency_hours"]
        after = "" if hours is None else f" after {hours:.1f} hours"
        got = f"alarm{after}" if row["alarmed"] else "no alarm"
        mark = "✔" if row["expected"] == row["alarmed"] else "✘"
        typer.echo(f"{mark} event {row['event']}: {wanted} expected, {got}")
    typer.echo(f"{len(result['other_alarms'])} other alarms {', '.join(result['other_alarms'])}")
    if json_file is not None:
        write_json(json_file, result)
    if not result["passed"]:
        raise typer.Exit(1)


@monitor_app.command("watch")
def watch_cli(
    database: DatabaseArgument,
    folder: Annotated[Path, typer.Argument(help="Folder in which files arrive.")],
    pipeline: PipelineOption = None,
    zone: ZoneOption = None,
    assume_zone: AssumeOption = None,
    field: FieldOption = None,
    sentiment: SentimentOption = "negative",
    min_volume: VolumeOption = 5,
    false_alarms: FalseOption = 0.05,
    cooldown: CooldownOption = 24,
    jsonl: JsonlOption = None,
    webhook: WebhookOption = None,
    seconds: Annotated[float, typer.Option(help="Between two looks.")] = 60.0,
    once: Annotated[bool, typer.Option("--once", help="Look once, for cron.")] = False,
) -> None:
    """Read the files that arrive in a folder, and send alarms, until it is stopped."""
    from ..apps.monitor.dates import get_zone
    from ..apps.monitor.delivery import ConsoleTarget
    from ..apps.monitor.watch import Round, WatchOptions, watch

    def report(done: Round) -> None:
        if done.files:
            _show_report(done.report)
        for failure in done.failures:
            typer.secho(f"✘ {failure}", fg="red", err=True)

    options = WatchOptions(
        pipeline=_load(pipeline),
        fields=_fields(field),
        assume_zone=get_zone(assume_zone) if assume_zone else None,
        zone=zone,
        settings=_settings(sentiment, min_volume, false_alarms, cooldown),
    )
    targets: list[Target] = [ConsoleTarget(typer.echo), *_targets(jsonl, webhook)]
    rounds = 1 if once else None
    watch(folder, database, targets, options, seconds=seconds, rounds=rounds, report=report)


def _load(pipeline: str | None) -> Any:
    if pipeline is None:
        return None
    from ..evaluation.evaluate import load_pipeline

    return load_pipeline(pipeline)


def _fields(pairs: list[str] | None) -> PostFields:
    from ..apps.monitor.posts import PostFields
    from ..errors import XinzhiError

    given = dict(pair.partition("=")[::2] for pair in pairs or [])
    names = list(PostFields.__dataclass_fields__)
    wrong = [name for name, field in given.items() if name not in names or not field]
    if wrong:
        raise XinzhiError(
            f"--field {wrong[0]} is not known, or names no field.",
            f"Use {', '.join(names)}, e.g. --field time=created_at.",
        )
    return PostFields(**given)


def _settings(sentiment: str, min_volume: int, false_alarms: float, cooldown: int) -> AlarmSettings:
    from ..apps.monitor.settings import AlarmSettings

    return AlarmSettings(
        sentiment=sentiment,
        min_volume=min_volume,
        false_alarms=false_alarms,
        cooldown_hours=cooldown,
    )


def _targets(jsonl: Path | None, webhook: str | None) -> list[Target]:
    from ..apps.monitor.delivery import FileTarget, WebhookTarget

    targets: list[Target] = []
    if jsonl is not None:
        targets.append(FileTarget(jsonl))
    if webhook is not None:
        targets.append(WebhookTarget(webhook, os.environ.get(SECRET, "")))
    return targets


def _show_report(report: IngestReport) -> None:
    typer.echo(f"✔ {report.new} new posts, {report.known} known, {report.rejected} rejected")
    if report.rejected:
        typer.echo("  Why: SELECT * FROM rejects; or write them with --rejects FILE.", err=True)


def _show_findings(found: Findings, failures: list[str]) -> None:
    for start, end in found.gaps:
        typer.echo(f"no or little data: {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}")
    typer.echo(f"{len(found.alarms)} alarms")
    for failure in failures:
        typer.secho(f"✘ {failure}", fg="red", err=True)
    if failures:
        raise typer.Exit(1)
