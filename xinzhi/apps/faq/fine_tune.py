"""Contrastive fine-tuning of the encoder on (query, entry) pairs.

The loss is InfoNCE (van den Oord et al. 2018) with the other entries of the batch as negatives
(Henderson et al. 2017) and with hard ones: wrong entries that the encoder as it is thinks near.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ...encoders.loading import config_dict
from ...encoders.precision import autocast_dtype
from ...layers.encoder_store import TRANSFORMER, StoredEncoder
from ...layers.freezing import depths
from ...ranges import check_range
from .embedder import Embedder, mean_vectors, pad, transformer_of
from .entries import Entry, Query

PIECES = 1024  # padded pieces at a time
Progress = Callable[[int, int, float], None]


def no_progress(step: int, steps: int, loss: float) -> None:
    """Says nothing."""


@dataclass(frozen=True)
class FineTuning:
    """Settings.

    epochs (int): Passes over the pairs.
    batch_size (int): Pairs in a batch.
    hard_negatives (int): Wrong entries for each pair, beside those of the other pairs.
    hard_pool (int): The hard ones are drawn from so many wrong entries nearest to the query.
    learn_rate (float): Highest rate; warm-up over the first tenth, then linear decay.
    temperature (float): Cosines are divided by it.
    frozen_layers (int): The word embeddings and so many layers above them do not learn.
    seed (int): Of all that is drawn.
    """

    epochs: int = 6
    batch_size: int = 32
    hard_negatives: int = 1
    hard_pool: int = 10
    learn_rate: float = 1e-4
    temperature: float = 0.05
    frozen_layers: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        check_range("epochs", self.epochs, 1)
        check_range("batch_size", self.batch_size, 2)
        check_range("hard_negatives", self.hard_negatives, 0)
        check_range("hard_pool", self.hard_pool, max(1, self.hard_negatives))
        check_range("frozen_layers", self.frozen_layers, 0)
        check_range("learn_rate", self.learn_rate, 1e-8, 1.0)
        check_range("temperature", self.temperature, 1e-3, 10.0)


@dataclass(frozen=True)
class Batch:
    """What is compared in one step.

    queries (list[str]): The queries.
    keys (list[str]): Texts of entries: first the right one of each query, then negatives.
    owners (list[int]): The entries of the keys, as numbers.
    """

    queries: list[str]
    keys: list[str]
    owners: list[int]


class Pairs:
    """Draws batches of queries, each with a text of its entry, and negatives.

    entries (Sequence[Entry]): The knowledge base.
    queries (Sequence[Query]): Of these entries; those without an answer are left out.
    embedder (Embedder): Says which wrong entries are near.
    settings (FineTuning): How to draw.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        queries: Sequence[Query],
        embedder: Embedder,
        settings: FineTuning,
    ) -> None:
        self.settings = settings
        numbers = {entry.id: number for number, entry in enumerate(entries)}
        self.texts = [[*entry.wordings, entry.full] for entry in entries]
        asked = [(query.text, numbers[query.entry]) for query in queries if query.entry]
        for text, number in asked:
            self.texts[number].append(text)
        own = [(text, i) for i, entry in enumerate(entries) for text in entry.wordings]
        self.queries = [*asked, *own]
        self.wrong = nearest_wrong(embedder, entries, self.queries, settings.hard_pool)
        self.random = np.random.default_rng(settings.seed)

    @property
    def batches(self) -> int:
        """RETURNS (int): Number of batches of all epochs."""
        return self.settings.epochs * -(-len(self.queries) // self.settings.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        for _ in range(self.settings.epochs):
            order = self.random.permutation(len(self.queries))
            for start in range(0, len(order), self.settings.batch_size):
                yield self._batch(order[start : start + self.settings.batch_size].tolist())

    def _batch(self, chosen: list[int]) -> Batch:
        texts, owners = zip(*(self.queries[i] for i in chosen), strict=True)
        keys = [self._draw(number, text) for text, number in zip(texts, owners, strict=True)]
        names = list(owners)
        for i in chosen:
            size = min(self.settings.hard_negatives, self.wrong.shape[1])
            for number in self.random.choice(self.wrong[i], size, replace=False).tolist():
                keys.append(self._draw(number, ""))
                names.append(number)
        return Batch(list(texts), keys, names)

    def _draw(self, number: int, without: str) -> str:
        """RETURNS (str): A text of an entry other than the one given."""
        texts = [text for text in self.texts[number] if text != without]
        return texts[int(self.random.integers(len(texts)))]


def fine_tune(
    embedder: Embedder,
    entries: Sequence[Entry],
    queries: Sequence[Query],
    settings: FineTuning,
    progress: Progress = no_progress,
) -> Embedder:
    """Train the encoder so that queries come to lie near their entries.

    embedder (Embedder): The encoder as it is; not changed.
    entries (Sequence[Entry]): The knowledge base.
    queries (Sequence[Query]): Of these entries; those without an answer are left out.
    settings (FineTuning): How to train.
    progress (Callable): Called with step, steps and loss.
    RETURNS (Embedder): The new one.
    """
    torch.manual_seed(settings.seed)
    pairs = Pairs(entries, queries, embedder, settings)
    transformer = transformer_of(embedder.stored).train()
    weights = learning(transformer, settings.frozen_layers)
    optimizer = torch.optim.AdamW(weights, lr=settings.learn_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _rate(pairs.batches))
    for step, batch in enumerate(pairs, start=1):
        vectors = _encode(transformer, embedder, [*batch.queries, *batch.keys])
        asked, keys = vectors[: len(batch.queries)], vectors[len(batch.queries) :]
        loss = info_nce(asked, keys, batch.owners, settings.temperature)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        progress(step, pairs.batches, float(loss.detach()))
    return _embedder(transformer, embedder)


def learning(transformer: torch.nn.Module, frozen: int) -> list[torch.nn.Parameter]:
    """Freeze the word embeddings and the lowest layers.

    transformer (Module): The encoder.
    frozen (int): How many layers; the last one learns in any case.
    RETURNS (list): The weights that learn.
    """
    depth = depths(name for name, _ in transformer.named_parameters())
    first = min(frozen, max(depth.values()) - 1) + 1
    for name, weight in transformer.named_parameters():
        weight.requires_grad_(depth[name] >= first)
    return [weight for weight in transformer.parameters() if weight.requires_grad]


def info_nce(
    queries: torch.Tensor, keys: torch.Tensor, owners: Sequence[int], temperature: float
) -> torch.Tensor:
    """Both ways: the key of a query among all keys, the query of a key among all queries.

    The mean of -log softmax(cosine / temperature) of each pair.

    queries (Tensor): Vectors of length 1, shape (n, width).
    keys (Tensor): Vectors of length 1, shape (m, width), m >= n; the first n are the right ones.
    owners (Sequence[int]): The entry of each key: others of the same entry are no negatives.
    temperature (float): As said.
    RETURNS (Tensor): A scalar.
    """
    rows = torch.arange(len(queries))
    names = torch.tensor(owners)
    same = names[: len(queries), None] == names[None, :]
    same[rows, rows] = False
    logits = (queries @ keys.T / temperature).masked_fill(same, -torch.inf)
    forth = torch.nn.functional.cross_entropy(logits, rows)
    back = torch.nn.functional.cross_entropy(logits[:, : len(queries)].T, rows)
    return (forth + back) / 2


def nearest_wrong(
    embedder: Embedder,
    entries: Sequence[Entry],
    queries: Sequence[tuple[str, int]],
    count: int,
) -> np.ndarray:
    """RETURNS (ndarray): For each text of an entry, the numbers of the wrong entries that are
    nearest to it, shape (queries, at most count)."""
    keys = embedder.encode([entry.full for entry in entries])
    scores = embedder.encode([text for text, _ in queries]) @ keys.T
    scores[np.arange(len(queries)), [number for _, number in queries]] = -np.inf
    return np.argsort(-scores, axis=1, kind="stable")[:, : min(count, len(entries) - 1)]


def _encode(transformer: torch.nn.Module, embedder: Embedder, texts: list[str]) -> torch.Tensor:
    """RETURNS (Tensor): Vectors of length 1, with gradients; shape (texts, width)."""
    dtype = autocast_dtype("auto", "cpu")
    vectors: list[torch.Tensor] = [torch.empty(0)] * len(texts)
    for chosen, ids in embedder.batches(texts, PIECES):
        padded, mask = pad(ids, embedder.stored.pad_id)
        with torch.autocast("cpu", dtype=dtype or torch.bfloat16, enabled=dtype is not None):
            states = transformer(input_ids=padded, attention_mask=mask).last_hidden_state
        for i, vector in zip(chosen, mean_vectors(states.float(), mask), strict=True):
            vectors[i] = vector
    return torch.stack(vectors)


def _rate(steps: int) -> Callable[[int], float]:
    """RETURNS (Callable): Step -> factor on the learning rate."""
    warm_up = max(1, steps // 10)
    return lambda step: min((step + 1) / warm_up, max(0.0, (steps - step) / (steps - warm_up + 1)))


def _embedder(transformer: torch.nn.Module, before: Embedder) -> Embedder:
    state = {TRANSFORMER + name: w.detach() for name, w in transformer.state_dict().items()}
    old = before.stored
    config = config_dict(transformer)  # type: ignore[arg-type]
    stored = StoredEncoder(config, old.tokenizer, old.pad_id, old.max_pieces, state)
    return Embedder(stored)
