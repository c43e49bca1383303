"""An index of vectors for millions of items."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...compat import require

LINKS, BREADTH = 32, 128  # edges of a node; nodes looked at when building and searching, at least


class GraphIndex:
    """A navigable small-world graph (Malkov & Yashunin 2018), by the library faiss. It looks at a
    few thousand vectors whatever their number, and may miss some of the nearest.

    graph (Any): `faiss.IndexHNSWFlat`.
    """

    def __init__(self, graph: Any) -> None:
        self.graph = graph

    @classmethod
    def build(cls, vectors: np.ndarray) -> GraphIndex:
        """RETURNS (GraphIndex): The graph of these vectors, shape (items, width)."""
        faiss = _faiss()
        graph = faiss.IndexHNSWFlat(vectors.shape[1], LINKS, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = BREADTH
        graph.add(np.ascontiguousarray(vectors, dtype="float32"))
        return cls(graph)

    def search(self, query: np.ndarray, count: int) -> np.ndarray:
        """RETURNS (ndarray): Numbers of the vectors with the largest products, the best first."""
        self.graph.hnsw.efSearch = max(BREADTH, count)
        _, found = self.graph.search(query[None].astype("float32"), count)
        return found[0][found[0] >= 0]

    def save(self, path: Path) -> None:
        """Write the graph."""
        _faiss().write_index(self.graph, str(path))

    @classmethod
    def load(cls, path: Path) -> GraphIndex:
        """RETURNS (GraphIndex): What `save` wrote."""
        return cls(_faiss().read_index(str(path)))


def _faiss() -> Any:
    return require("faiss", "'xinzhi[recommend]'", "the vector index")
