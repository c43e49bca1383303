"""What an update trains on and what it is judged by: new texts, replayed old ones, test texts."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training.corpus import walk_corpus
from spacy.vocab import Vocab

from ..corpora.stratify import stratify
from ..errors import XinzhiError
from ..files import replaced_folder
from ..selection.sampling import reservoir
from ..selection.vectors import document_vectors
from ..training.checks import check_corpus
from ..training.labels import Labels, find_new_labels, labels_of
from .complete import complete, open_suspects, surfaces_of
from .options import Options
from .replay import herd_labels

TRAIN, TEST = "train.spacy", "test.spacy"
POOL = 10  # old texts to choose the replayed ones from, for each of these


@dataclass
class Data:
    """The documents of an update.

    train (list): New and replayed ones.
    test (list): Those held out for the gate; empty if test texts were given.
    new (Labels): What the pipeline has to learn anew.
    counts (dict): What became of every document read.
    """

    train: list[Doc]
    test: list[Doc]
    new: Labels
    counts: dict[str, Any] = field(default_factory=dict)


def gather(
    nlp: Language, new: Path, replay: Path | None, test: Path | None, options: Options
) -> Data:
    """Read the corpora of an update and choose what to train on.

    nlp (Language): The old pipeline.
    new (Path): New or corrected annotation, a .spacy file or a folder of them.
    replay (Path | None): The annotation that the pipeline was trained on.
    test (Path | None): What the gate will judge by; None: some of the texts are held out.
    options (Options): How.
    RETURNS (Data): The documents.
    RAISES (XinzhiError): A corpus cannot be read, holds nothing to learn, or shares texts with the
        test texts.
    """
    fresh = _check_annotated(list(read_docs(new, nlp.vocab, "the new texts")), new)
    tested = set() if test is None else {d.text for d in read_docs(test, nlp.vocab, "the test")}
    _check_leak(fresh, tested, new, test)
    labels = find_new_labels(nlp, fresh)
    surfaces = surfaces_of(fresh, labels.entities)
    counts: dict[str, Any] = {"new": len(fresh), "old": 0, "corrected": 0, "in_test": 0}
    old = _old_texts(nlp, replay, {doc.text for doc in fresh}, tested, options, counts)
    counts["suspects"] = open_suspects(old, surfaces)
    held: list[Doc] = []
    if test is None:
        fresh, first = hold_out(fresh, options.hold_out, options.seed)
        old, second = hold_out(old, options.hold_out, options.seed)
        held = first + second
        if not held or not fresh:
            raise XinzhiError(
                f"{len(held) + len(fresh)} texts are too few to hold some out for the gate.",
                "Name annotated texts to judge by: --test FILE",
            )
    old = choose_replay(nlp, old, options)
    counts["completed"] = dict(complete(nlp, fresh, labels, options.annotates, options.trust))
    counts |= {"trained_new": len(fresh), "trained_old": len(old), "held_out": len(held)}
    return Data(fresh + old, held, labels, counts)


def read_docs(path: Path, vocab: Vocab, what: str) -> Iterator[Doc]:
    """Stream the documents of a corpus.

    path (Path): A .spacy file or a folder of them.
    vocab (Vocab): Their vocabulary.
    what (str): What the corpus is, for messages.
    YIELDS (Doc): The documents.
    RAISES (XinzhiError): The corpus is not there or damaged.
    """
    check_corpus(path, what)
    for file in walk_corpus(path, ".spacy"):
        try:
            yield from DocBin().from_disk(file).get_docs(vocab)
        except (ValueError, KeyError) as err:
            raise XinzhiError(
                f"{file} cannot be read as a spaCy corpus: {err}",
                "Make it again with: xinzhi convert FILE.jsonl FOLDER",
            ) from err


def hold_out(docs: list[Doc], share: float, seed: int) -> tuple[list[Doc], list[Doc]]:
    """Keep some texts apart, with their share of every label; copies of a text stay together.

    docs (list): The documents.
    share (float): Share to keep apart.
    seed (int): For ties.
    RETURNS (tuple): The others, and those kept apart.
    """
    groups: dict[str, list[Doc]] = {}
    for doc in docs:
        groups.setdefault(doc.text, []).append(doc)
    labels: list[Counter[Hashable]] = [
        Counter(name for doc in group for name in labels_of(doc)) for group in groups.values()
    ]
    sizes = [len(group) for group in groups.values()]
    parts = stratify(labels, sizes, [1 - share, share], seed) if groups else []
    found: tuple[list[Doc], list[Doc]] = ([], [])
    for part, group in zip(parts, groups.values(), strict=True):
        found[part].extend(group)
    return found


def choose_replay(nlp: Language, docs: list[Doc], options: Options) -> list[Doc]:
    """RETURNS (list): The old texts to train on again."""
    if len(docs) <= options.replay_size:
        return docs
    if options.replay_method == "reservoir":
        return reservoir(docs, options.replay_size, options.seed)
    vectors = document_vectors(nlp, docs)
    rows = herd_labels(vectors, [labels_of(doc) for doc in docs], options.replay_size)
    return [docs[row] for row in rows]


def write_docs(folder: Path, data: Data, seed: int) -> None:
    """Write the training texts, in random order, and those held out.

    folder (Path): The folder to make or to replace.
    data (Data): The documents.
    seed (int): Of the order.
    """
    order = random.Random(seed).sample(data.train, len(data.train))
    with replaced_folder(folder) as work:
        for name, docs in ((TRAIN, order), (TEST, data.test)):
            if docs:
                DocBin(docs=docs, store_user_data=True).to_disk(work / name)


def _old_texts(
    nlp: Language,
    replay: Path | None,
    corrected: set[str],
    tested: set[str],
    options: Options,
    counts: dict[str, Any],
) -> list[Doc]:
    """A sample of the old texts, less those that are annotated anew or tested on."""

    def stream(path: Path) -> Iterator[Doc]:
        for doc in read_docs(path, nlp.vocab, "the old texts"):
            counts["old"] += 1
            counts["corrected"] += doc.text in corrected
            counts["in_test"] += doc.text in tested
            if doc.text not in corrected and doc.text not in tested:
                yield doc

    if replay is None:
        return []
    return reservoir(stream(replay), POOL * options.replay_size, options.seed)


def _check_annotated(docs: Sequence[Doc], path: Path) -> list[Doc]:
    kept = [
        doc
        for doc in docs
        if doc.has_annotation("ENT_IOB") or doc.cats or doc.user_data.get("scores")
    ]
    if not docs:
        raise XinzhiError(f"{path} holds no documents.", "Check what was converted.")
    if len(kept) < len(docs):
        raise XinzhiError(
            f"{len(docs) - len(kept)} of {len(docs)} documents in {path} carry no annotation.",
            "Leave them out: xinzhi clean, or annotate them.",
        )
    return kept


def _check_leak(docs: Sequence[Doc], tested: set[str], path: Path, test: Path | None) -> None:
    shared = sum(doc.text in tested for doc in docs)
    if shared:
        raise XinzhiError(
            f"{shared} texts of {path} are in {test}, too: the gate would pass what is learned by "
            "heart.",
            f"Take them out of one of the two: xinzhi clean {path} {test} FOLDER --steps leaks",
        )
