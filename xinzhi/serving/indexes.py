"""The indexes that applications ask. Their modules load torch: not before it is needed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from .resident import Replaceable, Resident
from .settings import ServeSettings

if TYPE_CHECKING:
    from ..apps.faq import Faq
    from ..apps.recommend.recommender import Recommender
    from ..apps.recommend.texts import Encode

DATABASE = "faq.db"
ABOUT = "about.json"


@dataclass(frozen=True)
class Shelf:
    """What recommends.

    recommender (Recommender): The recommender.
    encode (Callable): Texts to vectors; None: it is not asked for texts.
    """

    recommender: Recommender
    encode: Encode | None


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


def shelf(folder: Path, settings: ServeSettings) -> Resident[Shelf]:
    """Keep a recommender; one that is trained anew in its place is loaded.

    folder (Path): As `xinzhi recommend train` has made it.
    settings (ServeSettings): Limits.
    RETURNS (Resident): The recommender, with the encoder that the settings name.
    """
    encoder = cache(_encoder)

    def load() -> Shelf:
        from ..apps.recommend.recommender import Recommender

        recommender = Recommender.load(folder)
        if settings.recommend_encoder is None:
            return Shelf(recommender, None)
        encode = encoder(settings.recommend_encoder)
        recommender.check_encoder(encode)
        return Shelf(recommender, encode)

    return Resident("recommend", Replaceable("recommend", folder / ABOUT, load), settings)


def _encoder(name: str) -> Encode:
    from ..apps.faq.embedder import Embedder

    return Embedder.load(name).encode
