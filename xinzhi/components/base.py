"""What all trainable heads share: the update step, reading the training data, custom attributes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples
from thinc.api import Optimizer, set_dropout_rate

from ..layers.head import Gradients, Tensors, pass_no_gradient

logger = logging.getLogger("spacy")
PROGRESS_EVERY = 5000
SAMPLE_SIZE = 10


class HeadPipe(TrainablePipe):
    """A trainable head on shared token vectors that learns from partly annotated batches.

    A subclass implements `read_gold` (None if no document is annotated for this head) and
    `compute_loss`. A batch without annotation changes no weight of the head: not by a gradient, and
    not by the momentum or weight decay of the optimizer either.
    """

    has_gradient = False
    shares: dict[str, float] = {}  # noqa: RUF012 (replaced, never changed)

    def read_gold(self, examples: list[Example]) -> Any:
        """RETURNS (Any): The gold annotation of a batch; None if there is none."""
        raise NotImplementedError

    def compute_loss(self, gold: Any, outputs: Tensors) -> torch.Tensor:
        """RETURNS (Tensor): The loss as a scalar that can be differentiated by the outputs."""
        raise NotImplementedError

    def loss_counts(self, examples: list[Example]) -> dict[str, float]:
        """How many items each mean in the loss is taken over: what a process that has only a part
        of a batch must know of the whole (see training/distributed/shares.py).

        examples (list): A batch, or none.
        RETURNS (dict): Name of the mean -> number of items; the same names for every batch.
        """
        raise NotImplementedError

    def share(self, name: str) -> float:
        """RETURNS (float): The factor on a mean: its share in the whole batch, usually 1."""
        return self.shares.get(name, 1.0)

    def training_docs(self, examples: list[Example]) -> list[Doc]:
        """RETURNS (list): The documents that the model is run on in training."""
        return [example.predicted for example in examples]

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Learn from a batch of examples; those without annotation for this head are left out.

        examples (Iterable[Example]): The batch.
        drop (float): Dropout of the token-to-vector layer.
        sgd (Optimizer): The optimizer.
        losses (dict): Updated under the component's name.
        RETURNS (dict): The losses.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, f"{type(self).__name__}.update")
        docs = self.training_docs(examples)
        if not any(len(doc) for doc in docs):
            return losses
        set_dropout_rate(self.model, drop)
        gold = self.read_gold(examples)
        if gold is None:
            pass_no_gradient(self.model, docs)
            return losses
        outputs, backprop = self.model.begin_update(docs)
        loss, gradients = self.get_loss_of(gold, outputs)
        backprop(gradients)
        self.has_gradient = True
        if sgd not in (None, False):
            self.finish_update(sgd)
        losses[self.name] += loss
        return losses

    def finish_update(self, sgd: Optimizer) -> None:
        """Apply the gradients, if there are any."""
        if self.has_gradient:
            self.model.finish_update(sgd)
            self.has_gradient = False

    def get_loss(self, examples: Iterable[Example], scores: Tensors) -> tuple[float, Gradients]:
        """RETURNS (tuple): The loss, and its gradient by each output of the model; None for an
        output that no annotation concerns."""
        gold = self.read_gold(list(examples))
        if gold is None:
            return 0.0, (None,) * len(scores)
        return self.get_loss_of(gold, scores)

    def get_loss_of(self, gold: Any, outputs: Tensors) -> tuple[float, Gradients]:
        """As `get_loss`, from annotation that has been read already."""
        leaves = tuple(y.detach().requires_grad_() for y in outputs)
        loss = self.compute_loss(gold, leaves)
        gradients = torch.autograd.grad(loss, leaves, allow_unused=True)
        return float(loss.detach()), gradients


def read_examples(get_examples: Callable[[], Iterable[Example]], name: str) -> Iterator[Example]:
    """Go through the training data, logging the progress.

    get_examples (Callable): As passed to `initialize`.
    name (str): The component's name.
    YIELDS (Example): The examples.
    """
    count = 0
    for count, example in enumerate(get_examples(), start=1):
        if count % PROGRESS_EVERY == 0:
            logger.info("%s: read %d training documents", name, count)
        yield example
    logger.info("%s: read all %d training documents", name, count)


def record_of(doc: Doc) -> str:
    """RETURNS (str): How to name a document in a message: its record, as `xinzhi convert` notes it
    (id, file, line), or how it begins."""
    record = doc.user_data.get("record")
    if isinstance(record, dict) and record.get("id") is not None:
        place = [str(record[key]) for key in ("source", "line") if record.get(key) is not None]
        return f"record {record['id']}" + (f" ({':'.join(place)})" if place else "")
    if isinstance(record, str | int):
        return f"record {record}"
    return f"the document that begins with {doc.text[:20]!r}"


def note_abstention(doc: Doc, name: str, reason: dict[str, Any] | None) -> None:
    """Say in `doc._.abstained` why a prediction should not be relied on.

    doc (Doc): The document.
    name (str): Name of the head, or of the component.
    reason (dict): "reason", "value" and "limit" at least; None if all is well.
    """
    if reason is not None:
        doc._.abstained[name] = reason
    elif ("._.", "abstained", None, None) in doc.user_data:
        doc._.abstained.pop(name, None)


def ensure_extension(cls: type, name: str, **settings: Any) -> None:
    """Register a custom attribute unless there is one of this name."""
    if not cls.has_extension(name):  # type: ignore[attr-defined]
        cls.set_extension(name, **settings)  # type: ignore[attr-defined]
