"""What is loaded from files and replaced while serving: indexes, rules."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from ..errors import XinzhiError
from .background import Background
from .inference import prepare_thread
from .settings import ServeSettings

T = TypeVar("T")
Result = TypeVar("Result")
Stamp = Callable[[os.stat_result], Any]
logger = logging.getLogger("xinzhi.serving")


def inode(found: os.stat_result) -> int:
    """RETURNS (int): Changes when another file is put in a file's place."""
    return found.st_ino


def content(found: os.stat_result) -> tuple[int, int, int]:
    """RETURNS (tuple): Changes when a file is written to as well."""
    return found.st_ino, found.st_mtime_ns, found.st_size


def leave(_: Any) -> None:
    """Do nothing with what is replaced."""


class Replaceable(Generic[T]):
    """Something from a file. When the file becomes another one, it is loaded anew; if that fails,
    the old one goes on.

    name (str): What it is, for the log.
    path (Path): The file that is looked at.
    load (Callable): Loads it.
    stamp (Callable): What tells another file.
    close (Callable): Called with what is replaced.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        load: Callable[[], T],
        stamp: Stamp = inode,
        close: Callable[[T], None] = leave,
    ) -> None:
        self._name, self._path, self._load = name, path, load
        self._stamp, self._close = stamp, close
        self._value: T
        self._known: Any = None

    def load(self) -> None:
        """Load it.

        RAISES (XinzhiError): If it cannot be loaded.
        """
        self._known = self._now()
        self._value = self._load()

    def get(self) -> T:
        """RETURNS (T): It, as it is now."""
        if self._now() not in (None, self._known):
            self._replace()
        return self._value

    def _replace(self) -> None:
        old, facts = self._value, {"application": self._name}
        try:
            self.load()
        except XinzhiError as err:
            facts["reason"] = err.fact
            logger.error("a replacement was refused", extra={"facts": facts})
        else:
            self._close(old)
            logger.info("a replacement was loaded", extra={"facts": facts})

    def _now(self) -> Any:
        """RETURNS (Any): The file's stamp; None while it is not there."""
        try:
            return self._stamp(self._path.stat())
        except OSError:
            return None


class Resident(Generic[T]):
    """Something loaded that one thread works with, for one caller after the other.

    name (str): Of the thread.
    kept (Replaceable): It.
    settings (ServeSettings): Limits.
    """

    def __init__(self, name: str, kept: Replaceable[T], settings: ServeSettings) -> None:
        self._kept = kept
        self._threads = settings.threads
        self._background = Background(name, settings.max_queue_texts, settings.timeout_seconds)

    async def load(self) -> None:
        """Load it.

        RAISES (XinzhiError): If it cannot be loaded.
        """
        await self._background.prepare(self._open)

    async def run(self, work: Callable[[T], Result]) -> Result:
        """Work with it.

        work (Callable): Called with it, in the thread.
        RETURNS (Result): What that returns.
        RAISES (Problem): See `Background`.
        """
        return await self._background.run(lambda: work(self._kept.get()))

    def stop(self) -> None:
        """End the thread."""
        self._background.stop()

    def _open(self) -> None:
        prepare_thread(None, self._threads)
        self._kept.load()
