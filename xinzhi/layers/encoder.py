"""`xinzhi.Encoder.v1`: a transformer for spacy-transformers' `transformer` factory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np
import torch
from spacy.tokens import Doc, DocBin
from spacy.util import registry
from spacy.vocab import Vocab
from thinc.api import ArgsKwargs, Model, chain, torch2xp, xp2torch
from thinc.types import Floats2d, Ragged

from ..encoders.depth import keep_layers
from ..encoders.loading import LoadedEncoder, load_encoder
from ..encoders.precision import Precision
from ..encoders.tokenizer import PieceTokenizer
from ..encoders.vocabulary import isolate_han, trim_vocabulary
from ..errors import XinzhiError
from .encoded import EncodedDoc
from .encoder_batch import Grouping, PreparedBatch, prepare_batch
from .encoder_module import standardisation
from .encoder_runtime import Runtime
from .encoder_shim import EncoderShim
from .encoder_store import STORES
from .freezing import LayerPolicy

if TYPE_CHECKING:  # prediction can do without them, see encoded.py
    from spacy_transformers.data_classes import TransformerData
    from transformers import PreTrainedModel

    from .encoder_output import EncoderBatch

HAN_MODES = ("rank", "isolate", "merge")
SMALLEST_WINDOW = 8
SAMPLE = 128


@dataclass(frozen=True)
class EncoderSettings:
    """The settings of `xinzhi.Encoder.v1`, checked once. See there for their meaning."""

    name: str
    han: str
    window: int
    overlap: int
    group_pieces: int
    trim: bool
    trim_corpus: str | None
    trim_reserve: int
    standardise: bool
    layers: int | list[int] | None = None

    def __post_init__(self) -> None:
        _check("han", self.han, self.han in HAN_MODES, f"one of {', '.join(HAN_MODES)}")
        _check("window", self.window, self.window >= SMALLEST_WINDOW, f"{SMALLEST_WINDOW} or more")
        fits = 0 <= self.overlap <= self.window // 2
        _check("overlap", self.overlap, fits, f"0 to half the window ({self.window // 2})")
        enough = self.group_pieces >= self.window
        _check("group_pieces", self.group_pieces, enough, f"at least the window ({self.window})")
        _check("trim_reserve", self.trim_reserve, self.trim_reserve >= 0, "0 or more")


def _check(setting: str, value: Any, valid: bool, expected: str) -> None:
    if not valid:
        raise XinzhiError(
            f"xinzhi.Encoder.v1: {setting} = {value!r} is not valid.",
            f"Set [components.transformer.model] {setting} to {expected}.",
        )


class EncoderModel(Model):
    """The Thinc model. `tokenizer` and `transformer` are there as on spacy-transformers' model."""

    @property
    def tokenizer(self) -> PieceTokenizer:
        return _shim(self).tokenizer

    @property
    def transformer(self) -> PreTrainedModel:
        """RETURNS (PreTrainedModel): The Hugging Face model, made if it is not there."""
        return _shim(self).transformer

    @property
    def runtime(self) -> Runtime:
        """RETURNS (Module): What encodes in prediction, see `encoder_runtime`."""
        return _shim(self).predictor.runtime


def _shim(model: Model) -> EncoderShim:
    return cast(EncoderShim, model.shims[0])


@registry.architectures("xinzhi.Encoder.v1")
def Encoder_v1(
    name: str,
    han: str = "rank",
    window: int = 254,
    overlap: int = 32,
    group_pieces: int = 4096,
    trim: bool = True,
    trim_corpus: str | None = None,
    trim_reserve: int = 2000,
    standardise: bool = True,
    train_precision: str = "auto",
    predict_precision: str = "fp32",
    lr_scale: float = 1.0,
    frozen_layers: int = 0,
    unfreeze_every: int = 0,
    layer_decay: float = 1.0,
    layers: int | list[int] | None = None,
    store: str = "fp32",
) -> Model[list[Doc], EncoderBatch]:
    """A shared encoder for the `transformer` factory, on which every listener works.

    name (str): A Hugging Face folder, a registered source (`xinzhi encoder list`) or a hub name.
        Read at `initialize` only: a saved pipeline holds its weights and tokenizer.
    han (str): How Han characters stay separable for tagging. "rank": pieces as they are, plus a
        learned vector for a token's rank within its piece. "isolate": every Han character is a
        piece of its own. "merge": pieces as they are; characters of one piece share one vector.
    window (int): Longest input in word pieces, special tokens not counted, at least 8; cut to what
        the encoder's positions allow.
    overlap (int): Word pieces that neighbouring windows of a long document share, 0 to half the
        window. Each piece takes its vector from the window that has it farther from an edge.
    group_pieces (int): Padded pieces per forward call; bounds memory, at least the window.
    trim (bool): Trim the vocabulary at `initialize`: keep every single character, what
        `trim_corpus` uses, and `trim_reserve` frequent pieces. Unknown words fall back to smaller
        pieces.
    trim_corpus (str | None): A .spacy file or a folder of them.
    trim_reserve (int): Further pieces of ASCII and Han characters to keep, 0 or more.
    standardise (bool): Shift and scale every feature to mean 0 and variance 1 over a sample of
        `trim_corpus` at `initialize`, so that fresh heads learn fast and do not damage the encoder.
    train_precision (str): "auto" (bf16 where the hardware has it), "fp32", "bf16", or "fp16" (GPU
        only, with gradient scaling; fp32 on a CPU).
    predict_precision (str): As `train_precision`, for prediction.
    lr_scale (float): The encoder learns at this multiple of the optimizer's learning rate, so that
        fresh heads may learn faster than trained weights; above 0, at most 1.
    frozen_layers (int): The embedding and so many layers above it do not learn; 0: all learn.
    unfreeze_every (int): Free one more of them, from the top, after so many updates; 0: never.
    layer_decay (float): Each layer learns at this multiple of the rate of the layer above it; above
        0, at most 1.
    layers (int | list[int] | None): Keep so many of the encoder's layers, spread evenly, or those
        of these numbers (1: next to the input); the others are left out at `initialize`. null: all.
    store (str): Type in which the weights are saved: "fp32", or half the size, "fp16" (vectors
        differ by about 0.001 of their length) or "bf16" (0.01). Checkpoints are always exact.
    RETURNS (Model[list[Doc], EncoderBatch]): The model.
    RAISES (XinzhiError): For a setting outside its range.
    """
    settings = EncoderSettings(
        name,
        han,
        window,
        overlap,
        group_pieces,
        trim,
        trim_corpus,
        trim_reserve,
        standardise,
        layers,
    )
    _check("lr_scale", lr_scale, 0 < lr_scale <= 1, "a number above 0, at most 1")
    _check("frozen_layers", frozen_layers, frozen_layers >= 0, "0 or more")
    _check("unfreeze_every", unfreeze_every, unfreeze_every >= 0, "0 or more")
    _check("layer_decay", layer_decay, 0 < layer_decay <= 1, "a number above 0, at most 1")
    policy = LayerPolicy(frozen_layers, unfreeze_every, layer_decay)
    choices = get_args(Precision)
    _check("train_precision", train_precision, train_precision in choices, " or ".join(choices))
    _check(
        "predict_precision", predict_precision, predict_precision in choices, " or ".join(choices)
    )
    _check("store", store, store in STORES, " or ".join(STORES))
    return EncoderModel(
        "xinzhi_encoder",
        forward,
        init=init,
        dims={"nO": None},
        shims=[EncoderShim(train_precision, predict_precision, lr_scale, policy, store)],
        attrs={
            "settings": settings,
            "replace_listener": encode_by_doc,
            "replace_listener_cfg": replace_listener_cfg,
        },
    )


@registry.architectures("xinzhi.Tok2VecEncoder.v1")
def Tok2VecEncoder_v1(
    encoder: Model[list[Doc], Any],
    pooling: Model[Ragged, Floats2d],
    grad_factor: float = 1.0,
) -> Model[list[Doc], list[Floats2d]]:
    """An encoder inside one component, not shared: what `nlp.replace_listeners` puts in place.

    encoder (Model[list[Doc], EncoderBatch]): As from `xinzhi.Encoder.v1`.
    pooling (Model[Ragged, Floats2d]): Reduces the pieces of a token to one vector.
    grad_factor (float): Scales the gradient on its way to the encoder.
    RETURNS (Model[list[Doc], list[Floats2d]]): One vector per token.
    """
    from spacy_transformers.layers import trfs2arrays

    return chain(encode_by_doc(encoder), trfs2arrays(pooling, grad_factor))


def init(model: Model, X: Any = None, Y: Any = None) -> None:
    """Load the encoder, set its Han characters apart, trim its vocabulary; once."""
    shim, settings = _shim(model), model.attrs["settings"]
    if not shim.has_encoder:
        loaded = load_encoder(settings.name)
        if settings.layers is not None:
            keep_layers(loaded.transformer, settings.layers)
        texts = list(_corpus_texts(settings.trim_corpus))
        if settings.han == "isolate":
            loaded.tokenizer_json = isolate_han(loaded.tokenizer_json)
        if settings.trim:
            trim_encoder(loaded, texts, settings.trim_reserve)
        tokenizer = PieceTokenizer(loaded.tokenizer_json, loaded.pad_id)
        shim.set_encoder(
            loaded.transformer, tokenizer, loaded.max_pieces, rank_vectors=settings.han == "rank"
        )
        if settings.standardise and texts:
            standardise_output(model, texts[:: max(1, len(texts) // SAMPLE)][:SAMPLE])
    model.set_dim("nO", shim.transformer.config.hidden_size)


def standardise_output(model: Model, texts: list[str]) -> None:
    """Fit the shift and scale of the encoder's output to a sample of texts."""
    vocab = Vocab()
    docs = [Doc(vocab, words=[text]) for text in texts if text]
    batch, _ = forward(model, docs, is_train=False)
    module = _shim(model).module
    mean, scale = standardisation(xp2torch(cast(Floats2d, batch.flat)))
    module.mean.copy_(mean)
    module.scale.copy_(scale)


def trim_encoder(loaded: LoadedEncoder, texts: Iterable[str], reserve: int) -> None:
    """Trim tokenizer and embedding table in place.

    loaded (LoadedEncoder): The encoder.
    texts (Iterable[str]): What the vocabulary must cover without falling back.
    reserve (int): Further pieces to keep.
    """
    tokenizer = PieceTokenizer(loaded.tokenizer_json, loaded.pad_id)
    needed: set[int] = set()
    for pieces in tokenizer.encode(list(texts)):
        needed.update(pieces.ids.tolist())
    trimmed = trim_vocabulary(loaded.tokenizer_json, needed, reserve, loaded.pad_id)
    table = cast(torch.nn.Embedding, loaded.transformer.get_input_embeddings())
    kept = torch.as_tensor(trimmed.kept)
    # from_pretrained keeps padding_idx, on which some encoders count their positions
    loaded.transformer.set_input_embeddings(
        torch.nn.Embedding.from_pretrained(
            table.weight.detach()[kept].clone(), freeze=False, padding_idx=table.padding_idx
        )
    )
    new_id = {old: i for i, old in enumerate(trimmed.kept)}
    config = loaded.transformer.config
    config.vocab_size = len(trimmed.kept)
    for name in ("pad_token_id", "bos_token_id", "eos_token_id", "sep_token_id", "cls_token_id"):
        old = getattr(config, name, None)
        if isinstance(old, int):
            setattr(config, name, new_id.get(old))
    loaded.tokenizer_json = trimmed.tokenizer_json
    loaded.pad_id = new_id[loaded.pad_id]


def _corpus_texts(path: str | None) -> Iterable[str]:
    if path is None:
        return
    folder = Path(path)
    files = sorted(folder.glob("**/*.spacy")) if folder.is_dir() else [folder]
    if not files or not files[0].is_file():
        raise XinzhiError(
            f"xinzhi.Encoder.v1: trim_corpus = {path!r} has no .spacy file.",
            "Convert the corpus first (xinzhi convert), or set trim_corpus to null.",
        )
    vocab = Vocab()
    for file in files:
        for doc in DocBin().from_disk(file).get_docs(vocab):
            yield doc.text


def forward(
    model: Model, docs: list[Doc], is_train: bool
) -> tuple[EncoderBatch, Callable[[EncoderBatch], list[Doc]]]:
    """Encode docs; one vector per word piece."""
    from .encoder_output import split_output

    shim = _shim(model)
    batch = _prepare(model, docs, is_train)
    output, torch_backprop = shim(_to_torch(batch, shim.device), is_train)
    flat = cast(Floats2d, torch2xp(output))

    def backprop(d_output: EncoderBatch) -> list[Doc]:
        gradient = xp2torch(cast(Floats2d, d_output.flat), device=shim.device)
        if extra := model.attrs.get("extra_gradient"):
            gradient = gradient + extra(docs, output)
        torch_backprop(ArgsKwargs(args=((output,),), kwargs={"grad_tensors": (gradient,)}))
        return docs

    return split_output(docs, batch, flat), backprop


def encode(model: Model, docs: list[Doc]) -> list[EncodedDoc | None]:
    """Encode docs for prediction, without spacy-transformers.

    model (Model): As from `xinzhi.Encoder.v1`, with weights.
    docs (list[Doc]): The docs.
    RETURNS (list[EncodedDoc | None]): One per doc, None for a doc without tokens.
    """
    batch = _prepare(model, docs, is_train=False)
    output, _ = _shim(model)(_to_torch(batch, _shim(model).device), False)
    flat, at = cast(Any, torch2xp(output)), 0
    encoded: list[EncodedDoc | None] = []
    for rows in batch.docs:
        if rows is None:
            encoded.append(None)
            continue
        encoded.append(EncodedDoc(flat[at : at + len(rows.rows)], rows.alignment))
        at += len(rows.rows)
    return encoded


def _prepare(model: Model, docs: list[Doc], is_train: bool) -> PreparedBatch:
    """Cut docs into pieces, windows and padded groups, as the settings say."""
    shim, settings = _shim(model), model.attrs["settings"]
    tokenizer = shim.tokenizer
    special = len(tokenizer.prefix) + len(tokenizer.suffix)
    window = min(settings.window, shim.max_pieces - special)
    most = settings.group_pieces
    return prepare_batch(
        docs,
        tokenizer,
        window=window,
        overlap=min(settings.overlap, window // 2),
        grouping=Grouping(most) if is_train else shim.predictor.runtime.grouping(most),
        per_token=settings.han == "rank",
    )


def _to_torch(batch: PreparedBatch, device: torch.device) -> ArgsKwargs:
    def move(array: np.ndarray) -> torch.Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        if device.type == "cuda":
            tensor = tensor.pin_memory()
        return tensor.to(device, non_blocking=True)

    groups = [(move(ids), move(mask)) for ids, mask in batch.groups]
    return ArgsKwargs(args=(groups, move(batch.rows), move(batch.ranks)), kwargs={})


def encode_by_doc(encoder: Model) -> Model[list[Doc], list[TransformerData]]:
    """Wrap an encoder so that it gives each doc's vectors, as a listener does.

    Also what `nlp.replace_listeners` puts in a listener's place.
    """
    return Model("xinzhi_encode_by_doc", forward_by_doc, layers=[encoder], dims={"nO": None})


def forward_by_doc(
    model: Model, docs: list[Doc], is_train: bool
) -> tuple[list[TransformerData], Callable[[list[TransformerData]], list[Doc]]]:
    """Encode docs without a `transformer` component."""
    batch, encoder_backprop = model.layers[0](docs, is_train)

    def backprop(d_docs: list[TransformerData]) -> list[Doc]:
        return encoder_backprop(batch.unsplit_by_doc([list(d.tensors) for d in d_docs]))

    return batch.doc_data, backprop


def replace_listener_cfg(encoder_cfg: dict, listener_cfg: dict) -> dict:
    """For `nlp.replace_listeners`: the config of the component that then holds the encoder."""
    kept = {key: listener_cfg[key] for key in ("pooling", "grad_factor") if key in listener_cfg}
    name = encoder_cfg["@architectures"].replace("Encoder", "Tok2VecEncoder")
    return {"@architectures": name, "encoder": encoder_cfg, **kept}
