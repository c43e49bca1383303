"""`xinzhi_encoder`: runs `xinzhi.Encoder.v1` in prediction, without spacy-transformers.

In the place of the factory `transformer`, with the same weights; see layers/encoded.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Model

from ..layers.encoded import ATTRIBUTE, EncodedDoc, no_training
from .base import ensure_extension

DEFAULT = {"model": {"@architectures": "xinzhi.Encoder.v1", "name": "e5-small"}}


@Language.factory("xinzhi_encoder", assigns=["doc._.trf_data"], default_config=DEFAULT)
def make_encoder(nlp: Language, name: str, model: Model) -> EncoderPipe:
    """Construct the component.

    model (Model): As from `xinzhi.Encoder.v1`.
    RETURNS (EncoderPipe): It; its weights are read from a saved pipeline.
    """
    return EncoderPipe(nlp.vocab, model, name)


class EncoderPipe(TrainablePipe):
    """Leaves the vectors of its encoder on the documents; prediction only.

    vocab (Vocab): The pipeline's vocabulary.
    model (Model): As from `xinzhi.Encoder.v1`.
    name (str): The component's name.
    """

    def __init__(self, vocab: Vocab, model: Model, name: str = "xinzhi_encoder") -> None:
        self.vocab = vocab
        self.model = model
        self.name = name
        self.cfg: dict[str, Any] = {}
        ensure_extension(Doc, ATTRIBUTE, default=None)

    @property
    def is_trainable(self) -> bool:
        return False

    def predict(self, docs: Iterable[Doc]) -> list[EncodedDoc | None]:
        """RETURNS (list): The vectors of each document; None for one without tokens."""
        from ..layers.encoder import encode

        return encode(self.model, list(docs))

    def set_annotations(self, docs: Iterable[Doc], scores: list[EncodedDoc | None]) -> None:
        """Leave the vectors on the documents."""
        for doc, encoded in zip(docs, scores, strict=True):
            setattr(doc._, ATTRIBUTE, encoded)

    def initialize(
        self, get_examples: Callable[[], Iterable[Any]], *, nlp: Language | None = None
    ) -> None:
        """RAISES (XinzhiError): Always: there is nothing to train here."""
        raise no_training()

    def update(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """RAISES (XinzhiError): Always: there is nothing to train here."""
        raise no_training()
