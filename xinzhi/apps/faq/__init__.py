"""Answer matching: a knowledge base of questions and answers, asked in the users' own words.

Candidates come from two retrievers (BM25 over character n-grams, vectors of an encoder); a ranker
turns their scores into one probability per entry and one for "no answer here".
"""

from __future__ import annotations

from .embedder import Embedder
from .entries import Entry, Query, read_entries, read_queries
from .fine_tune import FineTuning
from .index import Answer, Faq, Reply

__all__ = [
    "Answer",
    "Embedder",
    "Entry",
    "Faq",
    "FineTuning",
    "Query",
    "Reply",
    "read_entries",
    "read_queries",
]
