"""The recommender in a folder: train, save, load, rank, add items."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from scipy import sparse

from ...errors import XinzhiError
from ...files import replaced_folder, write_json
from .catalogue import Catalogue, make_catalogue
from .hybrid import Hybrid, Settings
from .index import GraphIndex
from .knowledge import FEATURES, Counts, Knowledge
from .ranker import Ranker
from .records import Events, Item
from .split import History
from .texts import Encode, Whitening
from .towers import Towers

ABOUT, ARRAYS, TOWERS, GRAPH = "about.json", "arrays.npz", "towers.safetensors", "graph.faiss"
PROBE = "探针 probe"  # its vector tells whether an encoder is the one of the training
TOLERANCE = 0.02
DAMAGE = (
    *(ValueError, KeyError, TypeError, OSError, EOFError, RuntimeError),
    *(zipfile.BadZipFile, SafetensorError),
)


@dataclass(frozen=True)
class Recommendation:
    """An item for a user.

    item (Item): The item.
    probability (float): That the user likes it, among the candidates.
    """

    item: Item
    probability: float

    def to_dict(self) -> dict[str, Any]:
        """RETURNS (dict): id, text and probability."""
        return {"id": self.item.id, "text": self.item.text, "probability": self.probability}


class Recommender:
    """Ranks items for the users of the training, and for others by what they like.

    hybrid (Hybrid): What was learnt.
    events (Events): What the users did.
    vectors (ndarray): Encoder vectors of the items, shape (items, width).
    probe (ndarray): The encoder's vector of `PROBE`.
    """

    def __init__(
        self, hybrid: Hybrid, events: Events, vectors: np.ndarray, probe: np.ndarray
    ) -> None:
        self.hybrid, self.events, self.vectors, self.probe = hybrid, events, vectors, probe
        self.now = float(events.time[-1])
        self.numbers = {item.id: n for n, item in enumerate(self.items)}

    @property
    def items(self) -> list[Item]:
        """RETURNS (list[Item]): All items, in order of their numbers."""
        return self.hybrid.knowledge.catalogue.items

    @classmethod
    def train(
        cls,
        items: Sequence[Item],
        events: Events,
        encode: Encode,
        settings: Settings | None = None,
        *,
        graph: bool = False,
    ) -> Recommender:
        """Train on what users did.

        items (Sequence[Item]): All items.
        events (Events): All events.
        encode (Callable): Texts to vectors, such as `Embedder.encode`.
        settings (Settings | None): None: the defaults.
        graph (bool): Find candidates with a vector index, for hundreds of thousands of items.
        RETURNS (Recommender): The recommender.
        RAISES (XinzhiError): If there is too little to learn from.
        """
        vectors, probe = encode([item.words for item in items]), encode([PROBE])[0]
        hybrid = Hybrid.fit(make_catalogue(items, vectors), events, settings or Settings())
        knowledge = hybrid.knowledge
        knowledge.graph = GraphIndex.build(knowledge.vectors) if graph else None
        return cls(hybrid, events, vectors, probe)

    def rank(self, user: str, count: int = 10) -> list[Recommendation]:
        """Rank for a user of the training.

        user (str): The user.
        count (int): How many items.
        RETURNS (list[Recommendation]): The best first, none that the user knows.
        RAISES (XinzhiError): If the user is not known.
        """
        if user not in self.events.names:
            raise XinzhiError(
                f"There is no user '{user}'.", "Say what the user likes instead: --liked ITEM."
            )
        rows = self.events.user == self.events.names.index(user)
        return self._rank(self.events.item[rows], self.events.liked[rows], count)

    def rank_liked(self, liked: Sequence[str], count: int = 10) -> list[Recommendation]:
        """Rank for somebody new.

        liked (Sequence[str]): Ids of items.
        count (int): How many items.
        RETURNS (list[Recommendation]): The best first.
        RAISES (XinzhiError): If an item is not known, or none is given.
        """
        unknown = [name for name in liked if name not in self.numbers]
        if unknown or not liked:
            raise XinzhiError(f"There is no item '{''.join(unknown[:1])}'.", "Name items by id.")
        numbers = np.array([self.numbers[name] for name in liked])
        return self._rank(numbers, np.ones(len(numbers), dtype=bool), count)

    def rank_text(self, text: str, encode: Encode, count: int = 10) -> list[Recommendation]:
        """Rank for somebody who likes something of which there is only a text, such as a wish.

        text (str): The text.
        encode (Callable): The same encoder as in the training.
        count (int): How many items.
        RETURNS (list[Recommendation]): The best first.
        RAISES (XinzhiError): If the text is empty, or the encoder is another.
        """
        if not text.strip():
            raise XinzhiError("The text is empty.", "Say what is wished for.")
        probe, vector = encode([PROBE, text])
        self._check_probe(probe)
        known = self.hybrid.knowledge
        knowledge = _larger(known, known.catalogue.with_text(text, vector))
        history = History(np.array([len(known.catalogue)]), np.array([True]), self.now)
        return self._recommend(Hybrid(knowledge, self.hybrid.ranker), history, count)

    def check_encoder(self, encode: Encode) -> None:
        """RAISES (XinzhiError): If an encoder is another one than in the training."""
        self._check_probe(encode([PROBE])[0])

    def _rank(self, items: np.ndarray, liked: np.ndarray, count: int) -> list[Recommendation]:
        return self._recommend(self.hybrid, History(items, liked, self.now), count)

    def _recommend(self, hybrid: Hybrid, history: History, count: int) -> list[Recommendation]:
        found, scores = hybrid.rank(history, count)
        return [
            Recommendation(self.items[number], score)
            for number, score in zip(found.tolist(), scores.tolist(), strict=True)
        ]

    def add(self, items: Sequence[Item], encode: Encode) -> None:
        """Add items that nobody has seen: they are ranked by their texts.

        items (Sequence[Item]): The items. Now is not before they came out.
        encode (Callable): The same encoder as in the training.
        RAISES (XinzhiError): If an id is known already, or the encoder is another; nothing is
            added then.
        """
        twice = [item.id for item in items if item.id in self.numbers]
        if twice:
            raise XinzhiError(f"The item '{twice[0]}' is there already.", "Give it another id.")
        self.check_encoder(encode)
        self.vectors = np.concatenate([self.vectors, encode([item.words for item in items])])
        old = self.hybrid.knowledge
        catalogue = make_catalogue([*self.items, *items], self.vectors, old.catalogue.whitening)
        knowledge = self.hybrid.knowledge = _larger(old, catalogue)
        knowledge.graph = GraphIndex.build(knowledge.vectors) if old.graph is not None else None
        self.numbers = {item.id: n for n, item in enumerate(self.items)}
        self.now = max([self.now, *(item.time for item in items if item.time is not None)])

    def _check_probe(self, probe: np.ndarray) -> None:
        if probe.shape != self.probe.shape or np.abs(probe - self.probe).max() > TOLERANCE:
            raise XinzhiError(
                "The recommender was trained with another encoder.", "Name that one, or train anew."
            )

    def save(self, folder: Path) -> None:
        """Write the recommender; the folder appears when it is complete."""
        knowledge = self.hybrid.knowledge
        about = {
            "format": 1,
            "features": FEATURES,
            "ranker": {key: _plain(value) for key, value in vars(self.hybrid.ranker).items()},
            "users": self.events.names,
            "items": [asdict(item) for item in self.items],
        }
        folder.parent.mkdir(parents=True, exist_ok=True)
        with replaced_folder(folder) as work:
            write_json(work / ABOUT, about)
            np.savez(work / ARRAYS, allow_pickle=False, **_arrays(self))
            save_file(knowledge.towers.state_dict(), work / TOWERS)
            if knowledge.graph is not None:
                knowledge.graph.save(work / GRAPH)

    @classmethod
    def load(cls, folder: Path) -> Recommender:
        """Read what `save` wrote.

        folder (Path): The folder.
        RETURNS (Recommender): The recommender.
        RAISES (XinzhiError): If there is none, or it is damaged.
        """
        try:
            about = json.loads((folder / ABOUT).read_text(encoding="utf8"))
            with (folder / ARRAYS).open("rb") as file, np.load(file) as stored:
                return _restore(folder, about, dict(stored))
        except FileNotFoundError as err:
            raise XinzhiError(
                f"{folder} is no recommender.", "Make one: xinzhi recommend train …"
            ) from err
        except DAMAGE as err:
            raise XinzhiError(f"{folder} is damaged: {err}", "Train it anew.") from err


def _larger(old: Knowledge, catalogue: Catalogue) -> Knowledge:
    """RETURNS (Knowledge): The same with items at the end that have no events; without graph."""
    more = len(catalogue) - len(old.catalogue)
    counts = Counts(*(np.pad(column, (0, more)) for column in vars(old.counts).values()))
    near = old.near.copy()
    near.resize((len(catalogue), len(catalogue)))
    return Knowledge(catalogue, counts, near, old.towers)


def _arrays(model: Recommender) -> dict[str, np.ndarray]:
    knowledge, events = model.hybrid.knowledge, model.events
    near, whitening = knowledge.near, knowledge.catalogue.whitening
    return {
        "vectors": model.vectors,
        "probe": model.probe,
        "now": np.array(model.now),
        **{f"events/{name}": getattr(events, name) for name in ("user", "item", "time", "liked")},
        **{f"counts/{name}": column for name, column in vars(knowledge.counts).items()},
        **{f"near/{name}": getattr(near, name) for name in ("data", "indices", "indptr")},
        **{f"whitening/{name}": value for name, value in vars(whitening).items()},
    }


def _restore(folder: Path, about: dict[str, Any], arrays: dict[str, np.ndarray]) -> Recommender:
    def part(name: str) -> dict[str, np.ndarray]:
        prefix = f"{name}/"
        return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}

    if tuple(about["features"]) != FEATURES:
        raise ValueError("it was made by another version")
    items = [
        Item(**{**fields, "categories": tuple(fields["categories"])}) for fields in about["items"]
    ]
    vectors, whitening = arrays["vectors"], Whitening(**part("whitening"))
    catalogue = make_catalogue(items, vectors, whitening)
    near = sparse.csr_matrix(tuple(part("near").values()), shape=(len(items), len(items)))
    towers = Towers(catalogue.vectors.shape[1])
    towers.load_state_dict(load_file(folder / TOWERS))
    graph = GraphIndex.load(folder / GRAPH) if (folder / GRAPH).is_file() else None
    knowledge = Knowledge(catalogue, Counts(**part("counts")), near, towers.eval(), graph)
    stored = dict(about["ranker"])
    constant = float(stored.pop("constant"))
    ranker = Ranker(**{key: np.asarray(v) for key, v in stored.items()}, constant=constant)
    hybrid = Hybrid(knowledge, ranker)
    model = Recommender(hybrid, Events(about["users"], **part("events")), vectors, arrays["probe"])
    model.now = float(arrays["now"])
    return model


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value
