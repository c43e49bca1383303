"""The database of the monitor: one DuckDB file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ...compat import require
from ...errors import XinzhiError
from .dates import get_zone

VERSION = "1"
ZONE = "Asia/Shanghai"
OPTIONS = {"autoinstall_known_extensions": "false"}  # nothing from the network


class Database:
    """An open database.

    connection (DuckDBPyConnection): To run SQL on.
    path (Path): Its file.
    zone (ZoneInfo): The zone of the wall clock that `local_at` shows.
    """

    def __init__(self, connection: Any, path: Path, zone: ZoneInfo) -> None:
        self.connection = connection
        self.path = path
        self.zone = zone

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """RETURNS (list): The rows of a query."""
        return self.connection.execute(sql, list(values)).fetchall()

    def columns(self, sql: str, *values: Any) -> dict[str, Any]:
        """RETURNS (dict): Name to array, for a query."""
        return self.connection.execute(sql, list(values)).fetchnumpy()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block, or nothing of it."""
        self.connection.execute("BEGIN TRANSACTION")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")


@contextmanager
def open_database(
    path: Path, *, create: bool = False, write: bool = False, zone: str | None = None
) -> Iterator[Database]:
    """Open a database.

    path (Path): Its file.
    create (bool): Make it if it is not there; implies `write`. A new one in which nothing could be
        put, because of an error, is removed again.
    write (bool): To change it. Only one process can then have it open; any number can read it.
    zone (str | None): For a new database, the zone of its days and hours; Asia/Shanghai by default.
        An old one keeps its own, and another name is an error.
    YIELDS (Database): It.
    RAISES (XinzhiError): If it is not there, is no such database, or another process writes to it.
    """
    duckdb = require("duckdb", "'xinzhi[monitor]'", "the opinion monitor")
    if not create and not path.is_file():
        raise XinzhiError(
            f"There is no database {path}.", f"Make it: xinzhi monitor ingest {path} POSTS.jsonl"
        )
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
    is_new, useless = not path.exists(), False
    try:
        connection = duckdb.connect(str(path), not (create or write), OPTIONS)
    except duckdb.Error as err:
        raise _not_opened(path, str(err)) from err
    try:
        if create:
            _create(connection, path, zone)
        yield Database(connection, path, _zone(duckdb, connection, path, zone))
    except XinzhiError:
        useless = is_new and _is_empty(connection)
        raise
    finally:
        connection.close()
        if useless:
            path.unlink()


def _is_empty(connection: Any) -> bool:
    tables = {row[0] for row in connection.execute("SHOW TABLES").fetchall()}
    filled = (
        connection.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchall()
        for name in tables & {"posts", "rejects"}
    )
    return not any(filled)


def _create(connection: Any, path: Path, zone: str | None) -> None:
    name = get_zone(zone or ZONE).key
    tables = {row[0] for row in connection.execute("SHOW TABLES").fetchall()}
    if tables and "settings" not in tables:
        raise _foreign(path)
    sql = files(__package__).joinpath("templates/schema.sql").read_text(encoding="utf8")
    connection.execute("BEGIN TRANSACTION")
    connection.execute(sql)
    settings = [["schema", VERSION], ["zone", name]]
    connection.executemany("INSERT INTO settings VALUES (?, ?) ON CONFLICT DO NOTHING", settings)
    connection.execute("COMMIT")


def _zone(duckdb: Any, connection: Any, path: Path, wanted: str | None) -> ZoneInfo:
    try:
        settings = dict(connection.execute("SELECT name, value FROM settings").fetchall())
    except duckdb.Error as err:
        raise _foreign(path) from err
    if settings.get("schema") != VERSION:
        raise XinzhiError(
            f"{path} has version {settings.get('schema')} of the tables, this is {VERSION}.",
            "Ingest the posts into a new database.",
        )
    if wanted is not None and wanted != settings["zone"]:
        raise XinzhiError(
            f"The days and hours of {path} are those of {settings['zone']}, not of {wanted}.",
            "Leave out --zone, or ingest the posts into a new database.",
        )
    return get_zone(settings["zone"])


def _foreign(path: Path) -> XinzhiError:
    return XinzhiError(f"{path} is not a database of the opinion monitor.", "Name another file.")


def _not_opened(path: Path, reason: str) -> XinzhiError:
    if "lock" in reason.lower():
        return XinzhiError(
            f"{path} is in use by another process.",
            "Wait for it or stop it; a process that writes needs the database for itself.",
        )
    return XinzhiError(
        f"{path} cannot be opened: {reason.splitlines()[0]}", "Name a DuckDB file, or a new one."
    )
