"""A folder that files arrive in: read them, look for alarms, send them, again and again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import XinzhiError
from ...files import sha256_of
from .alarms import Findings, read_alarms, update_alarms
from .database import Database, open_database
from .delivery import Target, deliver
from .ingest import IngestReport, ingest
from .posts import PostFields
from .settings import AlarmSettings

if TYPE_CHECKING:
    from spacy.language import Language

SETTLED = 2.0  # seconds: a file that was written to later than that may not be complete
LATE = timedelta(days=7)  # posts may arrive so late and still raise an alarm


@dataclass(frozen=True)
class WatchOptions:
    """How a folder is watched.

    pipeline (Language | None): Labels the posts; None: they carry their labels.
    fields (PostFields): Which fields hold what.
    assume_zone (tzinfo | None): The zone of times that name none.
    zone (str | None): Of a new database.
    settings (AlarmSettings): Of the alarms.
    """

    pipeline: Language | None = None
    fields: PostFields = field(default_factory=PostFields)
    assume_zone: tzinfo | None = None
    zone: str | None = None
    settings: AlarmSettings = field(default_factory=AlarmSettings)


@dataclass
class Round:
    """What one look at the folder did.

    files (list[Path]): Read in this round.
    report (IngestReport): Their posts.
    findings (Findings | None): Alarms and gaps; None if there was nothing new.
    failures (list[str]): Files that could not be read, and alarms that could not be sent.
    """

    files: list[Path]
    report: IngestReport
    findings: Findings | None
    failures: list[str]


def watch(
    folder: Path,
    database: Path,
    targets: Sequence[Target],
    options: WatchOptions,
    *,
    seconds: float = 60.0,
    rounds: int | None = None,
    report: Callable[[Round], None] | None = None,
) -> None:
    """Look at a folder again and again. The database is open only while something is done.

    folder (Path): Where files arrive: new ones, or old ones that grow.
    database (Path): The database; made if it is not there.
    targets (Sequence[Target]): Where alarms go.
    options (WatchOptions): Labels, fields, zones, settings.
    seconds (float): To wait between two looks.
    rounds (int | None): Stop after so many looks; None: never.
    report (Callable | None): Gets what each look did.
    RAISES (XinzhiError): If there is no such folder.
    """
    number = 0
    while rounds is None or number < rounds:
        if number:
            time.sleep(seconds)
        done = look(folder, database, targets, options)
        if report is not None:
            report(done)
        number += 1


def look(folder: Path, database: Path, targets: Sequence[Target], options: WatchOptions) -> Round:
    """One look at a folder: new files into the database, new alarms to the targets.

    folder, database, targets, options: As for `watch`.
    RETURNS (Round): What was done.
    RAISES (XinzhiError): If there is no such folder.
    """
    if not folder.is_dir():
        raise XinzhiError(f"There is no folder {folder}.", "Make it, or name another.")
    done = Round([], IngestReport(), None, [])
    with open_database(database, create=True, zone=options.zone) as opened:
        known = dict(opened.rows("SELECT name, sha256 FROM files"))
        for path in _settled(folder):
            name, digest = path.relative_to(folder).as_posix(), sha256_of(path)
            if known.get(name) == digest:
                continue
            try:
                found = ingest(
                    opened,
                    [str(path)],
                    pipeline=options.pipeline,
                    fields=options.fields,
                    assume_zone=options.assume_zone,
                )
            except XinzhiError as err:
                done.failures.append(str(err))
                continue
            opened.rows("INSERT OR REPLACE INTO files VALUES (?, ?)", name, digest)
            done.files.append(path)
            _add(done.report, found)
        since = _since(opened) if known else None
        if done.files:
            done.findings = update_alarms(opened, options.settings, since)
        alarms = [a for a in read_alarms(opened) if since is None or a.last_at >= since]
        done.failures += deliver(opened, alarms, targets)
    return done


def _since(database: Database) -> datetime | None:
    """RETURNS (datetime | None): The local time from which on alarms are still news."""
    last = database.rows("SELECT MAX(local_at) FROM posts")[0][0]
    return None if last is None else last - LATE


def _settled(folder: Path) -> list[Path]:
    """RETURNS (list): The files of a folder that nobody is writing to."""
    limit = time.time() - SETTLED
    files = [path for path in folder.rglob("*") if path.is_file() and path.name[0] != "."]
    return sorted(path for path in files if path.stat().st_mtime <= limit)


def _add(total: IngestReport, found: IngestReport) -> None:
    total.new += found.new
    total.known += found.known
    total.rejected += found.rejected
    total.first = min(filter(None, [total.first, found.first]), default=None)
    total.last = max(filter(None, [total.last, found.last]), default=None)
