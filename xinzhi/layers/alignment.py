"""Which word pieces a spaCy token is made of, by character offsets and without a Python loop."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def token_of_character(starts: Ints, lengths: Ints, n_characters: int) -> Ints:
    """RETURNS (Ints): Token index of each character, -1 between tokens; shape (n_characters,)."""
    owner = np.full(n_characters, -1, dtype=np.int64)
    tokens = np.repeat(np.arange(len(starts)), lengths)
    first_cell = np.cumsum(lengths) - lengths
    within = np.arange(int(lengths.sum())) - np.repeat(first_cell, lengths)
    owner[np.repeat(starts, lengths) + within] = tokens
    return owner


def align_pieces(
    token_starts: Ints, token_lengths: Ints, piece_starts: Ints, piece_ends: Ints, n_characters: int
) -> tuple[Ints, Ints, Ints]:
    """Align tokens with pieces through the characters they share.

    token_starts, token_lengths (Ints): Offsets and lengths of the tokens, shape (n_tokens,).
    piece_starts, piece_ends (Ints): Offsets of the pieces, shape (n_pieces,).
    n_characters (int): Length of the text.
    RETURNS (tuple[Ints, Ints, Ints]): Piece of each pair and rank of the pair's token within that
        piece (0 for the first token a piece covers), both ordered by token; and the number of
        pairs of each token, shape (n_tokens,). Zero for a token without pieces, such as a space.
    """
    n_tokens = len(token_starts)
    owner = token_of_character(token_starts, token_lengths, n_characters)
    # The nearest token at or after, and at or before, each character: a piece may begin with the
    # space in front of its word.
    after = np.append(owner, n_tokens)
    after[after < 0] = n_tokens
    after = np.minimum.accumulate(after[::-1])[::-1]
    before = np.maximum.accumulate(np.append(-1, owner))
    first = after[np.minimum(piece_starts, n_characters)]
    last = before[np.minimum(piece_ends, n_characters)]
    covered = np.where(piece_ends > piece_starts, last - first + 1, 0).clip(min=0)
    pieces = np.repeat(np.arange(len(piece_starts)), covered)
    rank = np.arange(int(covered.sum())) - np.repeat(np.cumsum(covered) - covered, covered)
    tokens = np.repeat(first, covered) + rank
    order = np.argsort(tokens, kind="stable")
    return pieces[order], rank[order], np.bincount(tokens, minlength=n_tokens)
