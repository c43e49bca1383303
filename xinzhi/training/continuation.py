"""`xinzhi.Continue.v1`: what a trained pipeline needs before it is trained further."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from spacy.language import Language
from spacy.util import load_model, registry
from thinc.api import Model

from ..errors import XinzhiError
from ..layers.freezing import LayerPolicy
from .distillation import ENCODER, Distance, encoder_of
from .labels import Labels, add_labels

if TYPE_CHECKING:
    from ..layers.encoder_shim import EncoderShim

KEPT_META = ("name", "version", "description", "author", "email", "url", "license", "sources")
CACHED_VECTORS = 200_000


@registry.callbacks("xinzhi.Continue.v1")
def configure_continuation(
    pipeline: str,
    entities: list[str] | None = None,
    cats: list[str] | None = None,
    heads: list[list[Any]] | None = None,
    encoder_scale: float = 0.1,
    frozen_layers: int = 0,
    distillation: float = 0.0,
) -> Callable[[Language], None]:
    """For `[initialize.after_init]` of a config whose components have `source = PIPELINE`.

    pipeline (str): The folder of the trained pipeline.
    entities, cats (list): Labels to add; those of heads as "head/label".
    heads (list): Heads to add: name, whether it is exclusive, labels.
    encoder_scale (float): The encoder (`xinzhi.Encoder.v1`) learns at this multiple of the rate.
    frozen_layers (int): So many of its lower layers do not learn.
    distillation (float): Weight of the distance from the vectors it gives now; 0: none.
    RETURNS (Callable): What `nlp.initialize` calls.
    """
    new = Labels(list(entities or ()), list(cats or ()), [(n, e, ls) for n, e, ls in heads or ()])
    return partial(
        continue_training,
        pipeline=pipeline,
        new=new,
        policy=LayerPolicy(frozen_layers),
        encoder_scale=encoder_scale,
        distillation=distillation,
    )


def continue_training(
    nlp: Language,
    pipeline: str | Path,
    new: Labels,
    policy: LayerPolicy,
    encoder_scale: float,
    distillation: float,
) -> None:
    """Prepare the components taken from a pipeline; see `configure_continuation`."""
    folder = Path(pipeline)
    if not (folder / "meta.json").is_file():
        raise XinzhiError(f"The pipeline {folder} cannot be loaded.", "Name a saved pipeline.")
    meta = json.loads((folder / "meta.json").read_text(encoding="utf8"))
    nlp.meta.update({key: meta[key] for key in KEPT_META if key in meta})
    if (folder / "tokenizer").exists():
        cast(Any, nlp.tokenizer).from_disk(folder / "tokenizer", exclude=["vocab"])
    add_labels(nlp, new)
    for encoder in encoders(nlp):
        cast("EncoderShim", encoder.shims[0]).set_policy(encoder_scale, policy)
        if distillation:
            teacher = encoder_of(load_model(folder), f"'{folder}'")
            encoder.attrs["extra_gradient"] = Distance(teacher, distillation, CACHED_VECTORS)


def encoders(nlp: Language) -> list[Model]:
    """RETURNS (list[Model]): Each `xinzhi.Encoder.v1`; also of components that are disabled, as all
    are while a pipeline is initialised whose components have a source."""
    return [
        node
        for _, pipe in nlp.components
        if isinstance(model := getattr(pipe, "model", None), Model)
        for node in model.walk()
        if node.name == ENCODER
    ]
