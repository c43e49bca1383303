"""Distillation: a pipeline with fewer layers learns from a trained one with all of them.

The student begins with some of the teacher's layers and with its heads, and learns two things at
once: the gold annotation, as every pipeline does, and to give every token the vector that the
teacher gives it (mean squared error of the last layer's vectors, as in Jiao et al. 2020, TinyBERT,
equation 8, without the layers in between). Considered and left out: matching the heads' logits
(with the same heads, the same vectors have the same logits) and silver annotation of raw texts
(`xinzhi train` reads it from any corpus).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import load_model, registry
from thinc.api import Model

from ..encoders.depth import keep_layers
from ..errors import XinzhiError
from .weights import trainable_pipes

if TYPE_CHECKING:
    from ..layers.encoder_shim import EncoderShim

ENCODER = "xinzhi_encoder"  # the name of the Thinc model of xinzhi.Encoder.v1
COMPONENT = "transformer"


@registry.callbacks("xinzhi.Distillation.v1")
def configure_distillation(
    teacher: str, weight: float = 10.0, cached_vectors: int = 200_000
) -> Callable[[Language], None]:
    """For `[initialize.after_init]`: the pipeline becomes the student of another one.

    teacher (str): A trained pipeline with `xinzhi.Encoder.v1`. Its encoder, less the layers that
        the student's setting `layers` leaves out, and its heads of the same name and labels are
        what the student starts with.
    weight (float): Weight of the distance from the teacher's vectors, beside the heads' losses.
    cached_vectors (int): So many of the teacher's vectors (of tokens) are kept in memory, in half
        precision, so that it reads the same texts once and not in every epoch.
    RETURNS (Callable): What `nlp.initialize` calls.
    RAISES (XinzhiError): A setting is out of range.
    """
    for name, value in {"weight": weight, "cached_vectors": cached_vectors}.items():
        if value < 0:
            raise XinzhiError(
                f"xinzhi.Distillation.v1: {name} = {value} is not valid.",
                f"Set [initialize.after_init] {name} to 0 or more.",
            )
    return partial(distil, teacher=teacher, weight=weight, cached_vectors=cached_vectors)


def distil(nlp: Language, teacher: str | Path, weight: float, cached_vectors: int) -> None:
    """Make an initialised pipeline the student of a trained one; see `configure_distillation`.

    RAISES (XinzhiError): The teacher cannot be loaded, or the two do not fit together.
    """
    try:
        teaching = load_model(teacher)
    except (OSError, ValueError, KeyError) as err:
        raise XinzhiError(
            f"The teacher '{teacher}' cannot be loaded: {' '.join(str(err).split())[:200]}",
            "Train the full encoder first (xinzhi train configs/smartcity.cfg), or name a trained "
            "pipeline: --paths.teacher FOLDER",
        ) from err
    student, encoder = encoder_of(nlp, "the student"), encoder_of(teaching, f"'{teacher}'")
    inherit_encoder(student, encoder)
    inherit_heads(nlp, teaching)
    if weight:
        student.attrs["extra_gradient"] = Distance(encoder, weight, cached_vectors)


def encoder_of(nlp: Language, whose: str) -> Model:
    """RETURNS (Model): The encoder of a pipeline.

    RAISES (XinzhiError): It has none of ours.
    """
    found = [
        node
        for _, pipe in nlp.pipeline
        if isinstance(model := getattr(pipe, "model", None), Model)
        for node in model.walk()
        if node.name == ENCODER
    ]
    if len(found) != 1:
        raise XinzhiError(
            f"Distillation needs a pipeline with one xinzhi.Encoder.v1, and {whose} has "
            f"{len(found)}.",
            "Name as teacher a pipeline that was trained with configs/smartcity.cfg or its like.",
        )
    return found[0]


def inherit_encoder(student: Model, teacher: Model) -> None:
    """Give the student the teacher's tokenizer and the layers that it keeps.

    student, teacher (Model): As from `xinzhi.Encoder.v1`, with weights.
    RAISES (XinzhiError): They treat Han characters differently.
    """
    theirs, ours = teacher.attrs["settings"], student.attrs["settings"]
    if theirs.han != ours.han:
        raise XinzhiError(
            f"The teacher was trained with han = '{theirs.han}', the student has '{ours.han}'.",
            f"Set [components.transformer.model] han to '{theirs.han}'.",
        )
    source, target = cast("EncoderShim", teacher.shims[0]), cast("EncoderShim", student.shims[0])
    transformer = copy.deepcopy(source.transformer)
    if ours.layers is not None:
        keep_layers(transformer, ours.layers)
    rank_vectors = source.module.ranks is not None
    target.set_encoder(transformer, source.tokenizer, source.max_pieces, rank_vectors)
    state = source.module.state_dict()
    rest = {name: w for name, w in state.items() if not name.startswith("transformer.")}
    target.module.load_state_dict(rest, strict=False)


def inherit_heads(nlp: Language, teacher: Language) -> list[str]:
    """Copy the weights of the heads that both have.

    nlp, teacher (Language): Student and teacher.
    RETURNS (list[str]): The components whose weights were copied: same name, factory and labels.
    """
    copied = []
    for name, pipe in trainable_pipes(nlp, [COMPONENT]):
        if name not in teacher.pipe_names:
            continue
        other: Any = teacher.get_pipe(name)
        alike = nlp.get_pipe_meta(name).factory == teacher.get_pipe_meta(name).factory
        if alike and getattr(pipe, "labels", ()) == getattr(other, "labels", ()):
            pipe.model.from_bytes(other.model.to_bytes())
            copied.append(name)
    return copied


class Distance:
    """The distance of vectors from the teacher's, as a gradient.

    teacher (Model): As from `xinzhi.Encoder.v1`, trained.
    weight (float): Its weight in the loss.
    cached_vectors (int): How many vectors are kept.
    """

    def __init__(self, teacher: Model, weight: float, cached_vectors: int) -> None:
        self.teacher = teacher
        self.weight = weight
        self.free = cached_vectors
        self._kept: dict[tuple[str, bytes], np.ndarray] = {}
        self.shares: dict[str, float] = {}

    def __call__(self, docs: list[Doc], vectors: torch.Tensor) -> torch.Tensor:
        """The gradient of weight * mean((vectors - teacher's vectors)²).

        docs (list[Doc]): The documents.
        vectors (Tensor): The student's vectors, shape (n, width).
        RETURNS (Tensor): Shape (n, width).
        """
        target = torch.from_numpy(self.vectors(docs)).to(vectors.device, torch.float32)
        factor = 2.0 * self.weight * self.shares.get("vectors", 1.0)
        return (vectors.detach() - target) * (factor / max(1, vectors.numel()))

    def loss_counts(self, examples: list[Example]) -> dict[str, float]:
        """RETURNS (dict): Tokens, of which each has about as many vectors as any other; see
        `distributed.shares`."""
        return {"vectors": sum(len(example.predicted) for example in examples)}

    def vectors(self, docs: list[Doc]) -> np.ndarray:
        """RETURNS (ndarray): The teacher's vectors of the documents, float16, shape (n, width)."""
        keys = [(doc.text, doc.to_array("IDX").tobytes()) for doc in docs]
        found = {key: self._kept[key] for key in keys if key in self._kept}
        new = [doc for doc, key in zip(docs, keys, strict=True) if len(doc) and key not in found]
        if new:
            for doc, data in zip(new, self.teacher.predict(new).doc_data, strict=True):
                array = np.asarray(_to_numpy(data.tensors[0][0]), dtype=np.float16)
                key = (doc.text, doc.to_array("IDX").tobytes())
                found[key] = array
                self._keep(key, array)
        return np.concatenate([found[key] for key, doc in zip(keys, docs, strict=True) if len(doc)])

    def _keep(self, key: tuple[str, bytes], array: np.ndarray) -> None:
        """Keep vectors until the memory for them is full: epochs read all texts again in turn."""
        if key not in self._kept and len(array) <= self.free:
            self._kept[key] = array
            self.free -= len(array)


def _to_numpy(array: Any) -> np.ndarray:
    return array.get() if hasattr(array, "get") else array
