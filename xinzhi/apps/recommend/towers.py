"""Match of a user and an item from texts alone: two towers, and a cross scorer.

Two towers (Covington et al. 2016; Yi et al. 2019): item and user each become a vector, their
product is the match, so that a vector index finds the best of millions. The cross scorer sees both
at once: what counts of a user's history depends on the item in question (attention as in Zhou et
al. 2018, "Deep Interest Network"); it is for the top candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from ...errors import XinzhiError

CROSS_NEGATIVES = 32
LONGEST = 30  # the latest liked items that make up a user


@dataclass(frozen=True)
class TowerSettings:
    """How the towers are trained.

    steps (int): Batches.
    batch_size (int): Users in a batch; the items of the others are negatives.
    negatives (int): Further negatives, drawn from all items.
    learn_rate (float): Of Adam; falls to 0 linearly.
    dropout (float): On the encoder's vectors.
    seed (int): Of the random numbers.
    """

    steps: int = 100
    batch_size: int = 128
    negatives: int = 256
    learn_rate: float = 3e-3
    dropout: float = 0.2
    seed: int = 0


class Projected(NamedTuple):
    """Items as the towers see them; each of shape (items, width).

    item (Tensor): The item tower, rows of length 1.
    liked (Tensor): What an item adds to a user who liked it.
    key, query (Tensor): Of the attention of a candidate (query) over liked items (key).
    """

    item: torch.Tensor
    liked: torch.Tensor
    key: torch.Tensor
    query: torch.Tensor


class Towers(torch.nn.Module):
    """Item tower: a projection of the encoder's vector. User tower: the mean of projections of the
    liked items. Cross scorer: attention of the item over the liked items, then a small network.

    A projection is the vector itself and a correction to it, which is 0 at first: untrained towers
    compare texts as the encoder does, and that is what is left for texts unlike any other.

    width (int): Width of the encoder's vectors.
    dropout (float): On what the corrections see.
    """

    def __init__(self, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = torch.nn.Dropout(dropout)
        self.correction = torch.nn.Linear(width, 4 * width)
        torch.nn.init.zeros_(self.correction.weight)
        torch.nn.init.zeros_(self.correction.bias)
        self.scale = torch.nn.Parameter(torch.tensor(3.0))
        self.cross = torch.nn.Sequential(
            torch.nn.Linear(2 * width + 1, width), torch.nn.ReLU(), torch.nn.Linear(width, 1)
        )

    def project(self, vectors: torch.Tensor) -> Projected:
        """RETURNS (Projected): Of encoder vectors, shape (items, width)."""
        corrections = self.correction(self.dropout(vectors)).chunk(4, dim=-1)
        parts = [vectors + correction for correction in corrections]
        return Projected(torch.nn.functional.normalize(parts[0], dim=-1), *parts[1:])

    def users(self, table: Projected, liked: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Pool what users liked.

        table (Projected): Items.
        liked (Tensor): Rows of the table, shape (users, longest).
        mask (Tensor): Which of them exist, boolean, shape (users, longest).
        RETURNS (Tensor): Vectors of length 1, shape (users, width).
        """
        weights = mask.unsqueeze(-1).to(table.liked.dtype)
        mean = (table.liked[liked] * weights).sum(1) / weights.sum(1).clamp(min=1)
        return torch.nn.functional.normalize(mean, dim=-1)

    def match(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """RETURNS (Tensor): Logits, shape (users, items)."""
        return self.scale.exp() * users @ items.T

    def cross_scores(
        self, table: Projected, liked: torch.Tensor, mask: torch.Tensor, candidates: torch.Tensor
    ) -> torch.Tensor:
        """Score candidates with the history in view.

        table, liked, mask: As `users`.
        candidates (Tensor): Rows of the table, shape (users, candidates).
        RETURNS (Tensor): Logits, shape (users, candidates).
        """
        width = table.key.shape[-1]
        weights = table.query[candidates] @ table.key[liked].transpose(1, 2) / width**0.5
        weights = weights.masked_fill(~mask.unsqueeze(1), -1e9).softmax(-1)
        seen, own = weights @ table.liked[liked], table.item[candidates]
        near = torch.nn.functional.cosine_similarity(seen, own, dim=-1)
        features = torch.cat([seen * own, own, near.unsqueeze(-1)], -1)
        return self.cross(features).squeeze(-1) + self.scale.exp() * near


def train_towers(
    vectors: np.ndarray, liked: Sequence[np.ndarray], settings: TowerSettings
) -> Towers:
    """Train both scorers: what a user liked up to some point tells what the user liked later.

    Negatives are drawn as often as items are liked (those of the other users in the batch), so the
    match is about taste, not about fame: popularity is a feature of its own in the ranker. Half the
    loss is that of the cross scorer, on the same users with a few of the same negatives.

    vectors (ndarray): Encoder vectors of all items, shape (items, width).
    liked (Sequence[ndarray]): For every user, items in order of time.
    settings (TowerSettings): As said.
    RETURNS (Towers): In evaluation mode.
    RAISES (XinzhiError): If no user liked two items.
    """
    several = [items for items in liked if len(items) > 1]
    if not several:
        raise XinzhiError(
            "No user liked two items or more by the time that features are learnt from.",
            "Give more events.",
        )
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    towers = Towers(vectors.shape[1], settings.dropout).train()
    table = torch.from_numpy(vectors)
    optimizer = torch.optim.AdamW(towers.parameters(), settings.learn_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda n: 1 - n / settings.steps)
    sampler = _Sampler(several, rng)
    seen = np.unique(np.concatenate(liked))  # nothing is known of the others, good or bad
    for _ in range(settings.steps):
        histories, targets = sampler.draw(settings.batch_size)
        others = rng.choice(seen, settings.negatives)
        loss = _loss(towers, table, histories, np.concatenate([targets, others]))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(towers.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return towers.eval()


class _Sampler:
    """Histories and a later item, every user as often as the root of the items it liked."""

    def __init__(self, liked: Sequence[np.ndarray], rng: np.random.Generator) -> None:
        sizes = np.sqrt([len(items) for items in liked])
        self.liked, self.rng, self.shares = liked, rng, sizes / sizes.sum()

    def draw(self, count: int) -> tuple[list[np.ndarray], np.ndarray]:
        histories, targets = [], []
        for user in self.rng.choice(len(self.liked), count, p=self.shares):
            items = self.liked[user]
            cut = int(self.rng.integers(1, len(items)))
            histories.append(items[:cut])
            targets.append(items[self.rng.integers(cut, len(items))])
        return histories, np.array(targets)


def _loss(
    towers: Towers, table: torch.Tensor, histories: list[np.ndarray], columns: np.ndarray
) -> torch.Tensor:
    """RETURNS (Tensor): Cross-entropy of both scorers; the first columns are the right ones."""
    numbers, mask = padded(histories)
    used, places = torch.cat([numbers.ravel(), torch.from_numpy(columns)]).unique(
        return_inverse=True
    )
    items = towers.project(table[used])
    liked, shown = places[: numbers.numel()].view_as(numbers), places[numbers.numel() :]
    known = torch.from_numpy(_known(histories, columns))
    logits = towers.match(towers.users(items, liked, mask), items.item[shown])
    rows = torch.arange(len(histories))
    loss = cross_entropy(logits.masked_fill(known, -torch.inf), rows)
    shifts = torch.randint(1, len(columns), (CROSS_NEGATIVES,))
    chosen = (rows[:, None] + torch.cat([torch.zeros(1, dtype=torch.long), shifts])) % len(columns)
    scores = towers.cross_scores(items, liked, mask, shown[chosen])
    scores = scores.masked_fill(known.gather(1, chosen), -torch.inf)
    return loss + cross_entropy(scores, torch.zeros_like(rows))


def _known(histories: list[np.ndarray], columns: np.ndarray) -> np.ndarray:
    """RETURNS (ndarray): Columns that are no negatives of a row: in its history, or the same as its
    own; shape (histories, columns)."""
    known = np.stack([np.isin(columns, history) for history in histories])
    known |= columns[: len(histories), None] == columns[None, :]
    np.fill_diagonal(known, False)
    return known


def padded(histories: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """RETURNS (tuple): Numbers of the latest items of each history, and which of them exist; both
    of shape (histories, longest)."""
    latest = [history[-LONGEST:] for history in histories]
    longest = max([1, *map(len, latest)])
    numbers = np.zeros((len(latest), longest), dtype=int)
    mask = np.zeros(numbers.shape, dtype=bool)
    for row, history in enumerate(latest):
        numbers[row, : len(history)] = history
        mask[row, : len(history)] = True
    return torch.from_numpy(numbers), torch.from_numpy(mask)
