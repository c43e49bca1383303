"""xinzhi recommend train | rank | evaluate"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ._app import app

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from ..apps.recommend.texts import Encode

recommend_app = typer.Typer(
    help="Recommendation: texts of items, and what users liked.", no_args_is_help=True
)
app.add_typer(recommend_app, name="recommend")

ItemsArgument = Annotated[
    Path, typer.Argument(help='JSON Lines: {"id", "text", "categories", "time"}.')
]
EventsArgument = Annotated[
    Path, typer.Argument(help='JSON Lines: {"user", "item", "time", "liked"}.')
]
EncoderOption = Annotated[str, typer.Option(help="Folder, registered name, or hub name.")]
CacheOption = Annotated[
    Path | None, typer.Option(help="Keep the encoder's vectors in this .npz file.")
]
StepsOption = Annotated[int, typer.Option(help="Training steps of the towers.", min=1)]
JsonOption = Annotated[Path | None, typer.Option("--json", help="Write the result here.")]


@recommend_app.command("train")
def train_cli(
    items: ItemsArgument,
    events: EventsArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the recommender.")],
    encoder: EncoderOption = "e5-small",
    cache: CacheOption = None,
    steps: StepsOption = 100,
    graph: Annotated[
        bool, typer.Option("--graph", help="A vector index, for hundreds of thousands of items.")
    ] = False,
) -> None:
    """Learn what users like."""
    from ..apps.recommend.hybrid import Settings
    from ..apps.recommend.recommender import Recommender
    from ..apps.recommend.records import read_events, read_items
    from ..apps.recommend.towers import TowerSettings

    known = read_items(items)
    done = read_events(events, known)
    settings = Settings(TowerSettings(steps=steps))
    model = Recommender.train(known, done, _encode(encoder, cache), settings, graph=graph)
    model.save(output)
    typer.echo(f"✔ {output}: {len(known)} items, {len(done.names)} users, {len(done.item)} events")


@recommend_app.command("rank")
def rank_cli(
    recommender: Annotated[Path, typer.Argument(help="The folder of `train`.")],
    user: Annotated[str | None, typer.Option(help="A user of the training.")] = None,
    liked: Annotated[
        list[str] | None, typer.Option("--liked", help="Id of an item that somebody new likes.")
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="What somebody new wishes for, in words.")
    ] = None,
    top: Annotated[int, typer.Option("--top", "-k", help="How many items.", min=1)] = 10,
    new: Annotated[
        Path | None, typer.Option("--new", help="Items that nobody has seen yet, as for train.")
    ] = None,
    encoder: EncoderOption = "e5-small",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Rank items for a user, or for what somebody likes or wishes for."""
    import json

    from ..apps.recommend.recommender import Recommender
    from ..apps.recommend.records import read_items
    from ..errors import XinzhiError

    if [user is not None, bool(liked), text is not None].count(True) != 1:
        raise XinzhiError("For whom?", "Name a --user, items with --liked, or a --text.")
    model = Recommender.load(recommender)
    encode = _encode(encoder, None)
    if new is not None:
        model.add(read_items(new), encode)
    if text is not None:
        found = model.rank_text(text, encode, top)
    else:
        found = model.rank(user, top) if user is not None else model.rank_liked(liked or [], top)
    for place in found:
        line = f"{place.probability:.3f}  {place.item.id}  {place.item.words}"
        typer.echo(json.dumps(place.to_dict(), ensure_ascii=False) if as_json else line)


@recommend_app.command("evaluate")
def evaluate_cli(
    items: ItemsArgument,
    events: EventsArgument,
    encoder: EncoderOption = "e5-small",
    cache: CacheOption = None,
    steps: StepsOption = 100,
    window: Annotated[
        list[float] | None,
        typer.Option(
            "--window", help="Shares of the events, by time, where windows begin and the last ends."
        ),
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Hold the recommender against popularity, item neighbours, ALS and TF-IDF, on later events."""
    from rich.console import Console

    from ..apps.recommend.catalogue import make_catalogue
    from ..apps.recommend.evaluate import SHARES, evaluate
    from ..apps.recommend.hybrid import Settings
    from ..apps.recommend.records import read_events, read_items
    from ..apps.recommend.show import result_tables
    from ..apps.recommend.towers import TowerSettings
    from ..files import write_json

    known = read_items(items)
    done = read_events(events, known)
    vectors = _encode(encoder, cache)([item.words for item in known])
    settings = Settings(TowerSettings(steps=steps))
    shares = window or SHARES
    result = evaluate(make_catalogue(known, vectors), done, settings, shares, typer.echo)
    for table in result_tables(result):
        Console().print(table)
    if json_file is not None:
        write_json(json_file, result)


def _encode(encoder: str, cache: Path | None) -> Encode:
    """RETURNS (Callable): Texts to vectors; the encoder is loaded when it is needed."""
    from ..apps.faq.embedder import Embedder
    from ..apps.recommend.texts import cached_vectors

    loaded: list[Embedder] = []

    def encode(texts: Sequence[str]) -> np.ndarray:
        if not loaded:
            loaded.append(Embedder.load(encoder))
        return loaded[0].encode(texts)

    return lambda texts: cached_vectors(texts, encode, cache)
