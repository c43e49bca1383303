"""The index in a folder: entries, vectors, encoder and ranker; asking and changing it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np

from ...errors import XinzhiError
from ...files import replaced_folder, sha256_of, write_json
from ...ranges import check_range
from .embedder import Embedder
from .entries import Entry, Query, check_unique
from .fine_tune import FineTuning, Progress, no_progress
from .learn import learn
from .ranker import Ranker
from .searcher import Searcher
from .store import Store, keys_of

STORE, ENCODER, RANKER = FILES = ("faq.db", "encoder.safetensors", "ranker.json")
CLOSE = 0.5  # the second best has at least so much of the best one's probability


class Answer(TypedDict):
    """An entry that may answer a query, and the probability that it is the right one."""

    id: str
    question: str
    answer: str
    intent: str
    probability: float


class Reply(TypedDict):
    """What a knowledge base says to a query: JSON values.

    decision (str): "answer": the first answer is it; "clarify": the first two are close; "none".
    answers (list[Answer]): The likeliest, best first, whatever the decision.
    none (float): Probability that no entry answers the query.
    """

    decision: str
    answers: list[Answer]
    none: float


class Faq:
    """A knowledge base that can be asked.

    folder (Path): As `build` has made it.
    RAISES (XinzhiError): If it is no index, or its encoder is not the one it was built with.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store(folder / STORE)
        encoder = folder / ENCODER
        if not encoder.is_file() or sha256_of(encoder) != self.store.about.get("encoder"):
            raise XinzhiError(
                f"The vectors of {folder} are of another encoder than the one that is in it.",
                "Build the index anew: xinzhi faq build",
            )
        self.embedder = Embedder.load(str(encoder))
        self.ranker = _read_ranker(folder / RANKER)
        self._refresh()

    @classmethod
    def load(cls, folder: str | Path) -> Faq:
        """Load an index.

        folder (str | Path): As `build` has made it.
        RETURNS (Faq): The index.
        RAISES (XinzhiError): If it is no index, or its encoder is not the one it was built with.
        """
        return cls(Path(folder))

    @classmethod
    def build(
        cls,
        folder: str | Path,
        entries: Sequence[Entry],
        embedder: Embedder,
        queries: Sequence[Query] = (),
        tuning: FineTuning | None = None,
        progress: Progress = no_progress,
    ) -> Faq:
        """Make an index; it is there when it is complete.

        folder (str | Path): Where; an index that is there is replaced.
        entries (Sequence[Entry]): The entries.
        embedder (Embedder): The encoder; it is kept in the index.
        queries (Sequence[Query]): What users asked, with and without an answer: entries are found
            by them as well, and the ranker learns from them.
        tuning (FineTuning | None): Fine-tune the encoder on the queries with these settings.
        progress (Callable): Called with step, steps and loss of the fine-tuning.
        RETURNS (Faq): The index.
        RAISES (XinzhiError): If there is no entry, or two have one id.
        """
        check_unique(entries)
        target = Path(folder)
        if target.exists() and not (target / STORE).is_file():
            raise XinzhiError(f"{target} is there and is no index.", "Name another folder.")
        target.parent.mkdir(parents=True, exist_ok=True)
        with replaced_folder(target) as new:
            learnt = learn(new / STORE, entries, embedder, queries, tuning, progress)
            learnt.embedder.save(new / ENCODER)
            learnt.store.note(encoder=sha256_of(new / ENCODER))
            learnt.store.close()
            write_json(new / RANKER, learnt.ranker.to_dict())
        return cls(target)

    def ask(self, text: str, k: int = 5) -> Reply:
        """Find the answer to a query.

        text (str): The query.
        k (int): How many answers to give at most.
        RETURNS (Reply): The decision, and the likeliest answers.
        RAISES (XinzhiError): If k is below 1.
        """
        return self.ask_all([text], k)[0]

    def ask_all(self, texts: Sequence[str], k: int = 5) -> list[Reply]:
        """As `ask`, for several queries at once."""
        check_range("k", k, 1)
        if self.store.version() != self._version:
            self._refresh()
        searcher, entries = self._state
        found = searcher.search(texts)
        replies = []
        for text, candidates in zip(texts, found, strict=True):
            if not text.strip() or not candidates.ids:
                replies.append(Reply(decision="none", answers=[], none=1.0))
                continue
            probabilities = self.ranker.probabilities(candidates)
            order = np.argsort(-probabilities[:-1], kind="stable")[:k]
            answers = [_answer(entries[candidates.ids[i]], probabilities[i]) for i in order]
            replies.append(self._reply(answers, float(probabilities[-1])))
        return replies

    def add(self, entries: Sequence[Entry], replace: bool = False) -> None:
        """Add entries, all or none; nothing else is computed anew.

        entries (Sequence[Entry]): The entries.
        replace (bool): An entry of the same id is replaced.
        RAISES (XinzhiError): If an id is there already, or twice among the entries.
        """
        check_unique(entries)
        keys = [key for entry in entries for key in keys_of(entry)]
        vectors = self.embedder.encode([key.text for key in keys])
        self.store.add(entries, zip(keys, vectors, strict=True), replace)
        self._refresh()

    def remove(self, ids: Sequence[str]) -> None:
        """Remove entries, all or none.

        ids (Sequence[str]): Their ids.
        RAISES (XinzhiError): If an id is not there.
        """
        self.store.remove(ids)
        self._refresh()

    def save(self, folder: Path) -> None:
        """Write a copy into an existing folder; its own is up to date as it is."""
        if folder.resolve() == self.folder.resolve():
            return
        self.store.copy(folder / STORE)
        for name in (ENCODER, RANKER):
            try:
                shutil.copyfile(self.folder / name, folder / name)
            except FileNotFoundError as err:
                raise XinzhiError(
                    f"{self.folder / name} has gone since it was loaded.", "Load the index anew."
                ) from err

    def __reduce__(self) -> tuple[Callable[[Path], Faq], tuple[Path]]:
        """Another process opens the folder by itself."""
        return Faq.load, (self.folder,)

    @property
    def entries(self) -> dict[str, Entry]:
        """RETURNS (dict): Every entry by its id."""
        return self._state[1]

    def _refresh(self) -> None:
        """Read the store; once more if another process changes it meanwhile."""
        self._version = -1
        while self._version != self.store.version():
            self._version = self.store.version()
            self._state = (Searcher(self.store, self.embedder), self.store.entries())

    def _reply(self, answers: list[Answer], none: float) -> Reply:
        decision = decide([a["probability"] for a in answers], none, self.ranker.threshold)
        return Reply(decision=decision, answers=answers, none=none)


def decide(probabilities: Sequence[float], none: float, threshold: float) -> str:
    """What to do with the likeliest answers.

    probabilities (Sequence[float]): Theirs, best first.
    none (float): That of "no answer".
    threshold (float): Where that begins to be believed.
    RETURNS (str): "none", "clarify" (the second best is close to the best) or "answer".
    """
    if none > threshold:
        return "none"
    best, second = (*probabilities, 0.0)[:2]
    return "clarify" if second >= CLOSE * best else "answer"


def _answer(entry: Entry, probability: float) -> Answer:
    return Answer(
        id=entry.id,
        question=entry.question,
        answer=entry.answer,
        intent=entry.intent,
        probability=float(probability),
    )


def _read_ranker(path: Path) -> Ranker:
    try:
        return Ranker.from_dict(json.loads(path.read_text(encoding="utf8")))
    except (OSError, ValueError, KeyError) as err:
        raise XinzhiError(f"{path} is missing or damaged.", "Build the index anew.") from err
