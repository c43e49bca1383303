"""The one function that every engine calls: predict a part, and put it on disk."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc

from ..corpora.record import Problem
from .inputs import Text
from .outputs import OUTPUTS, Predicted, write_problems
from .parts import Done, Folder, Part

BATCH_SIZE = 64


@dataclass(frozen=True)
class Task:
    """All that a worker needs to know; it can be pickled.

    pipeline (str): Path or package name of the pipeline.
    folder (str): The folder of the parts; workers on other machines must see it.
    output (str): Name of the output format.
    batch_size (int): Texts that go through the pipeline at a time.
    disabled (tuple): Components that do not run.
    threads (int): Threads of a worker; 0 leaves them as they are.
    gpu_id (int): The number of the GPU, -1 for the CPU.
    """

    pipeline: str
    folder: str
    output: str
    batch_size: int = BATCH_SIZE
    disabled: tuple[str, ...] = ()
    threads: int = 0
    gpu_id: int = -1

    @property
    def parts(self) -> Folder:
        """RETURNS (Folder): The folder of the parts."""
        return Folder(Path(self.folder), OUTPUTS[self.output].suffix)


@lru_cache(maxsize=1)
def load(task: Task) -> Language:
    """RETURNS (Language): The pipeline of a task; a process loads it once."""
    from ..evaluation.evaluate import load_pipeline

    if task.threads:
        import torch

        torch.set_num_threads(task.threads)
    nlp = load_pipeline(task.pipeline, task.gpu_id)
    for name in task.disabled:
        nlp.disable_pipe(name)
    return nlp


def predict_part(task: Task, part: Part) -> Done:
    """Predict the texts of a part, write its rows and its problems, then its mark.

    task (Task): The job.
    part (Part): The texts.
    RETURNS (Done): Its mark.
    """
    nlp = load(task)
    folder = task.parts
    problems = [item for item in part.items if isinstance(item, Problem)]
    texts = [item for item in part.items if isinstance(item, Text)]
    rows = folder.rows(part.number)
    work = rows.with_name(f".{rows.name}.{os.getpid()}")
    with nlp.memory_zone():  # what the vocabulary learns in a part is forgotten after it
        predicted = _predicted(nlp, texts, task.batch_size, problems)
        count = OUTPUTS[task.output].write(predicted, work)
    write_problems(folder.problems(part.number), problems)
    work.replace(rows)
    for path in (rows, folder.problems(part.number)):  # before the mark, should the power fail
        with path.open("rb+") as file:
            os.fsync(file)
    done = Done(part.number, part.digest, count, len(problems))
    folder.mark(done)
    return done


def predict_staged(task: Task, number: int) -> Done:
    """Predict a part whose input is in the folder, unless it is done; workers on other machines."""
    folder = task.parts
    return folder.done(number) or predict_part(task, folder.read_staged(number))


def _predicted(
    nlp: Language, texts: Sequence[Text], batch_size: int, problems: list[Problem]
) -> Iterator[Predicted]:
    """Predict in batches. A batch that fails is repeated text by text, so that one text that the
    pipeline cannot take costs no other text."""
    for start in range(0, len(texts), batch_size):
        batch = texts[start : start + batch_size]
        try:
            docs: list[Doc] = list(nlp.pipe([item.text for item in batch], batch_size=batch_size))
            yield from zip(batch, docs, strict=True)
        except Exception:  # whatever a component raises
            for item in batch:
                try:
                    yield item, nlp(item.text)
                except Exception as err:
                    fact = " ".join(str(err).split())[:300]
                    problems.append(item.problem(f"the pipeline failed: {fact or repr(err)}"))
