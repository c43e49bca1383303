"""The indexes that applications ask. Their modules load torch: not before it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .resident import Replaceable, Resident
from .settings import ServeSettings

if TYPE_CHECKING:
    from ..apps.faq import Faq
    from ..apps.recommend.recommender import Recommender

DATABASE = "faq.db"
ABOUT = "about.json"


def knowledge_base(folder: Path, settings: ServeSettings) -> Resident[Faq]:
    """Keep an index of questions and answers. Entries that are added or removed elsewhere are seen
    at once; an index that is built anew in its place is loaded.

    folder (Path): As `xinzhi faq build` has made it.
    settings (ServeSettings): Limits.
    RETURNS (Resident): The index.
    """

    def load() -> Faq:
        from ..apps.faq import Faq

        return Faq.load(folder)

    kept = Replaceable("faq", folder / DATABASE, load, close=lambda faq: faq.store.close())
    return Resident("faq", kept, settings)


def recommender(folder: Path, settings: ServeSettings) -> Resident[Recommender]:
    """Keep a recommender; one that is trained anew in its place is loaded.

    folder (Path): As `xinzhi recommend train` has made it.
    settings (ServeSettings): Limits.
    RETURNS (Resident): The recommender.
    """

    def load() -> Recommender:
        from ..apps.recommend.recommender import Recommender

        return Recommender.load(folder)

    return Resident("recommend", Replaceable("recommend", folder / ABOUT, load), settings)
