"""Near-duplicate texts: MinHash (Broder 1997) finds candidates, their shingles decide."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

from ..compat import require
from .normalise import normalise

THRESHOLD = 0.8  # Jaccard similarity of two sets of shingles
PERMUTATIONS = 64
SHINGLE = 2  # characters
SHORTEST = 8  # characters of a key; shorter texts are only compared as a whole


def key_of(text: str) -> str:
    """What is compared of a text: letters, digits and Han characters, in one width and case.

    text (str): The text.
    RETURNS (str): The key; texts with equal keys are the same to a reader.
    """
    return "".join(filter(str.isalnum, normalise(text).text.casefold())) or text.strip()


def shingles(key: str) -> frozenset[str]:
    """RETURNS (frozenset): All pairs of neighbouring characters."""
    return frozenset(key[i : i + SHINGLE] for i in range(max(1, len(key) - SHINGLE + 1)))


def jaccard(one: frozenset[str], two: frozenset[str]) -> float:
    """RETURNS (float): Shared shingles as a share of all, from 0 to 1."""
    return len(one & two) / len(one | two) if one or two else 1.0


def near_duplicates(
    texts: Sequence[str], threshold: float = THRESHOLD
) -> Iterator[tuple[int, int, float]]:
    """Pairs of texts that are nearly the same.

    texts (Sequence[str]): The texts.
    threshold (float): Jaccard similarity from which on they are.
    YIELDS (tuple): Indices of two texts, the smaller first, and their similarity. Of several texts
        with the same key only the first is compared with others, and each of the others with it.
    RAISES (XinzhiError): If datasketch is not installed.
    """
    module = require("datasketch", "'xinzhi[dedup]'", "finding near-duplicates")
    # A lower threshold for the candidates: their similarity is only estimated.
    index = module.MinHashLSH(threshold=max(0.1, threshold - 0.15), num_perm=PERMUTATIONS)
    base = module.MinHash(num_perm=PERMUTATIONS, hashfunc=zlib.crc32)
    first: dict[str, int] = {}
    sets: dict[int, frozenset[str]] = {}
    for number, text in enumerate(texts):
        key = key_of(text)
        if key in first:
            yield first[key], number, 1.0
            continue
        first[key] = number
        if len(key) < SHORTEST:
            continue
        sets[number] = shingles(key)
        signature = base.copy()
        signature.update_batch([shingle.encode("utf8") for shingle in sets[number]])
        for other in sorted(index.query(signature)):
            similarity = jaccard(sets[other], sets[number])
            if similarity >= threshold:
                yield other, number, similarity
        index.insert(number, signature, check_duplication=False)


def clusters(count: int, pairs: Iterator[tuple[int, int, float]]) -> list[int]:
    """Put everything that is connected by pairs into one cluster.

    count (int): Number of texts.
    pairs (Iterator): As from `near_duplicates`.
    RETURNS (list[int]): For each text the smallest index in its cluster.
    """
    parents = list(range(count))

    def root(node: int) -> int:
        while parents[node] != node:
            parents[node] = parents[parents[node]]
            node = parents[node]
        return node

    for one, two, _similarity in pairs:
        low, high = sorted((root(one), root(two)))
        parents[high] = low
    return [root(node) for node in range(count)]
