"""A knowledge base of questions and answers, asked by one caller after the other."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import XinzhiError
from .background import Background
from .inference import prepare_thread
from .settings import ServeSettings

if TYPE_CHECKING:  # it loads torch
    from ..apps.faq import Faq, Reply

logger = logging.getLogger("xinzhi.serving")
DATABASE = "faq.db"


class Knowledge:
    """An index that stays loaded. Entries that are added or removed elsewhere are seen at once; an
    index that is built anew in its place is loaded, and if that fails, the old one goes on.

    folder (Path): As `xinzhi faq build` has made it.
    settings (ServeSettings): Limits.
    """

    def __init__(self, folder: Path, settings: ServeSettings) -> None:
        self._folder = folder
        self._threads = settings.threads
        self._background = Background("faq", settings.max_queue_texts, settings.timeout_seconds)
        self._faq: Faq
        self._stamp = 0

    async def load(self) -> None:
        """Load the index.

        RAISES (XinzhiError): If it cannot be loaded.
        """
        await self._background.prepare(self._open)

    async def ask(self, text: str, k: int) -> Reply:
        """RETURNS (Reply): As `Faq.ask`.

        RAISES (Problem): See `Background`.
        """
        return await self._background.run(partial(self._ask, text, k))

    def stop(self) -> None:
        """End the thread."""
        self._background.stop()

    def _open(self) -> None:
        from ..apps.faq import Faq

        prepare_thread(None, self._threads)
        self._stamp = self._inode()
        self._faq = Faq.load(self._folder)

    def _ask(self, text: str, k: int) -> Reply:
        if self._inode() not in (0, self._stamp):
            self._replace()
        return self._faq.ask(text, k)

    def _replace(self) -> None:
        old = self._faq
        try:
            self._open()
        except XinzhiError as err:
            logger.error("an index was refused", extra={"facts": {"reason": err.fact}})
        else:
            old.store.close()
            logger.info("an index was loaded", extra={"facts": {"application": "faq"}})

    def _inode(self) -> int:
        """RETURNS (int): Changes when the index is built anew; 0 while it is not there."""
        try:
            return (self._folder / DATABASE).stat().st_ino
        except OSError:
            return 0
