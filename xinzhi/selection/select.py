"""From unlabelled text to a file for annotators: the texts from which a pipeline learns most."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from spacy.language import Language

from ..apply.inputs import Fields, Text, find_files, read_texts
from ..corpora.export import export
from ..corpora.record import Problem
from ..errors import XinzhiError
from ..evaluation.evaluate import load_pipeline
from ..files import write_json
from .sampling import reservoir
from .strategies import STRATEGIES, Pool, choose
from .uncertainty import combined, task_uncertainty
from .vectors import document_vectors, mean_vector, unit_rows

BATCH = 64


@dataclass
class Selection:
    """What was chosen.

    output (Path): The file for the annotation tool.
    chosen (list): "rank", "id", "source", "line", "uncertainty" (None without one) and "tasks"
        (task -> uncertainty) of each text.
    counts (dict): What became of the texts: "read", "empty", "copies", "annotated" (left out),
        "pool", "chosen".
    problems (list[Problem]): What could not be read.
    """

    output: Path
    chosen: list[dict[str, Any]]
    counts: dict[str, int]
    problems: list[Problem] = field(default_factory=list)


def select(
    pipeline: str | Path,
    inputs: Sequence[str],
    output: Path,
    budget: int,
    *,
    to: str = "jsonl",
    strategy: str = "clusters",
    annotated: Sequence[str] = (),
    fields: Fields | None = None,
    most: int = 100_000,
    seed: int = 0,
    force: bool = False,
    gpu_id: int = -1,
) -> Selection:
    """Choose texts to annotate and write them with the pipeline's predictions, to be corrected.

    pipeline (str / Path): A trained pipeline, calibrated if possible.
    inputs (Sequence[str]): Files, folders or globs of texts, as for `xinzhi apply`.
    output (Path): The file to write; OUTPUT.selection.json beside it says why each was chosen.
    budget (int): How many texts; all, if there are no more.
    to (str): Format of the annotation tool, as for `xinzhi export`.
    strategy (str): See `choose`.
    annotated (Sequence[str]): Files of texts that are annotated already; they are not chosen again.
    fields (Fields): Where records hold text and id.
    most (int): Choose from a uniform sample of so many texts, if there are more.
    seed (int): Of the random numbers.
    force (bool): Replace an existing output.
    gpu_id (int): The number of the GPU, -1 for the CPU.
    RETURNS (Selection): What was chosen.
    RAISES (XinzhiError): Something cannot be read or written, or no text is left to choose from.
    """
    if budget < 1:
        raise XinzhiError(f"The budget is {budget} texts.", "Use 1 or more.")
    if strategy not in STRATEGIES:
        choose(strategy, Pool(np.zeros((0, 1))), 0)  # says which there are
    fields = fields or Fields()
    nlp = load_pipeline(pipeline, gpu_id)
    result = Selection(output, [], dict.fromkeys(("read", "empty", "copies", "annotated"), 0))
    known = _texts_of(annotated, fields)
    texts = reservoir(_new_texts(inputs, fields, known, result), most, seed)
    if not texts:
        raise XinzhiError(
            f"There is no text to choose from among {result.counts['read']} that were read.",
            "Name files with texts that are neither empty nor annotated already.",
        )
    pool = survey(nlp, [text.text for text in texts], strategy)
    if strategy == "diversity" and known:
        pool.done = document_vectors(nlp, map(nlp.make_doc, sorted(known)))
    rows = choose(strategy, pool, budget, seed)
    result.chosen = _describe(texts, pool, rows)
    result.counts |= {"pool": len(texts), "chosen": len(rows)}
    _write([texts[row] for row in rows], output, to, pipeline, force)
    report = {"strategy": strategy, "seed": seed, "pipeline": str(pipeline), **result.counts}
    report |= {
        "problems": [problem.to_dict() for problem in result.problems],
        "texts": result.chosen,
    }
    write_json(output.with_name(f"{output.name}.selection.json"), report)
    return result


def survey(nlp: Language, texts: Iterable[str], strategy: str) -> Pool:
    """Read texts with a pipeline, as far as a strategy needs it.

    nlp (Language): The pipeline.
    texts (Iterable[str]): The texts.
    strategy (str): See `choose`.
    RETURNS (Pool): Their vectors, and how unsure the pipeline is of them.
    """
    docs = map(nlp.make_doc, texts)
    if strategy == "random":
        return Pool(np.zeros((sum(1 for _ in docs), 1)))
    if strategy == "diversity":
        return Pool(document_vectors(nlp, docs))
    heads = [name for name in nlp.pipe_names if _says_how_sure(nlp.get_pipe(name))]
    before = nlp.pipe_names[: max((nlp.pipe_names.index(name) for name in heads), default=0)]
    pipes = [nlp.get_pipe(name) for name in heads]
    vectors: list[np.ndarray] = []
    by_task: dict[str, list[np.ndarray]] = {}
    with nlp.select_pipes(enable=[name for name in before if name not in heads]):
        while batch := list(nlp.pipe(islice(docs, BATCH))):
            for task, values in task_uncertainty(pipes, batch).items():
                by_task.setdefault(task, []).append(values)
            vectors += [mean_vector(doc) for doc in batch]
    found = {task: np.concatenate(values) for task, values in by_task.items()}
    return Pool(unit_rows(vectors), found)


def _says_how_sure(pipe: Any) -> bool:
    return hasattr(pipe, "predict_scores") or hasattr(pipe, "predict_logits")


def _texts_of(paths: Sequence[str], fields: Fields) -> set[str]:
    """RETURNS (set): The texts of files.

    RAISES (XinzhiError): One of them cannot be read: what it holds would be annotated twice.
    """
    found = set()
    for item in read_texts(find_files(paths), fields):
        if isinstance(item, Problem):
            raise XinzhiError(str(item), "Correct it; its texts are to be left out.")
        found.add(item.text)
    return found


def _new_texts(
    inputs: Sequence[str], fields: Fields, known: set[str], result: Selection
) -> Iterator[Text]:
    """The texts that are neither empty nor copies nor annotated; the others are counted."""
    seen: set[int] = set()
    for item in read_texts(find_files(inputs), fields):
        if isinstance(item, Problem):
            result.problems.append(item)
            continue
        result.counts["read"] += 1
        key = hash(item.text)
        if not item.text.strip():
            result.counts["empty"] += 1
        elif item.text in known:
            result.counts["annotated"] += 1
        elif key in seen:
            result.counts["copies"] += 1
        else:
            seen.add(key)
            yield item


def _describe(texts: Sequence[Text], pool: Pool, rows: Sequence[int]) -> list[dict[str, Any]]:
    unsure = combined(pool.by_task) if pool.by_task else None
    return [
        {
            "rank": rank,
            "id": texts[row].id,
            "source": texts[row].source,
            "line": texts[row].line,
            "uncertainty": None if unsure is None else float(unsure[row]),
            "tasks": {task: float(values[row]) for task, values in pool.by_task.items()},
        }
        for rank, row in enumerate(rows, 1)
    ]


def _write(texts: Sequence[Text], output: Path, to: str, pipeline: str | Path, force: bool) -> None:
    """Write texts in the format of an annotation tool, with what the pipeline predicts."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent) as folder:
        file = Path(folder) / "selected.jsonl"
        with file.open("w", encoding="utf8") as lines:
            for text in texts:
                meta = {**text.meta, "file": text.source, "line": text.line}
                record = {"id": text.id, "text": text.text, "meta": meta}
                lines.write(json.dumps(record, ensure_ascii=False) + "\n")
        export([file], output, to, pipeline=pipeline, force=force)
