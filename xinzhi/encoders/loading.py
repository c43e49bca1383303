"""Read a Hugging Face encoder: configuration, weights, fast tokenizer."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import XinzhiError
from .sources import get_sources, resolve

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

# Families that number positions from padding_idx + 1 (their table has that many rows to spare).
OFFSET_POSITIONS = {"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "longformer", "mpnet"}


@dataclass
class LoadedEncoder:
    """An encoder in memory.

    transformer (PreTrainedModel): The torch module, on the CPU, fp32.
    tokenizer_json (str): The fast tokenizer, serialised.
    pad_id (int): Id of the padding piece.
    max_pieces (int): Longest input, special tokens included.
    """

    transformer: PreTrainedModel
    tokenizer_json: str
    pad_id: int
    max_pieces: int


def load_encoder(name: str) -> LoadedEncoder:
    """Load an encoder by folder, registered source or hub name.

    name (str): See `sources.resolve`.
    RETURNS (LoadedEncoder): The encoder.
    RAISES (XinzhiError): Unknown or unreachable name, damaged folder, or no fast tokenizer.
    """
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    source = resolve(name)
    try:
        with _no_retry_lines():
            config = AutoConfig.from_pretrained(source)
            if hasattr(config, "attention_probs_dropout_prob"):
                config.attention_probs_dropout_prob = 0.0  # torch on CPU: not fused with it
            tokenizer = AutoTokenizer.from_pretrained(source, use_fast=True)
            without_pooler = _without_pooler(config)
            transformer = AutoModel.from_pretrained(source, config=config, **without_pooler)
    except (OSError, ValueError, ImportError, SafetensorError) as err:
        raise _not_loaded(name, err) from err
    if not tokenizer.is_fast:
        raise XinzhiError(
            f"The encoder '{name}' has no fast tokenizer, so offsets are not known.",
            "Convert it with transformers' AutoTokenizer(...).save_pretrained(folder) where "
            "'tokenizers' and 'sentencepiece' are installed, then name that folder.",
        )
    pad_id = tokenizer.pad_token_id
    return LoadedEncoder(
        transformer,
        tokenizer.backend_tokenizer.to_str(),
        0 if pad_id is None else pad_id,
        max_pieces(config, tokenizer.model_max_length),
    )


def build_transformer(config: dict[str, Any]) -> PreTrainedModel:
    """A transformer with the right shapes and no weights worth keeping.

    config (dict): A Hugging Face configuration, with "model_type".
    RETURNS (PreTrainedModel): The torch module; load a state into it.
    """
    from transformers import AutoConfig, AutoModel

    from ..compat import no_init_weights

    settings = dict(config)
    built = AutoConfig.for_model(settings.pop("model_type"), **settings)
    with no_init_weights():
        return AutoModel.from_config(built, **_without_pooler(built))


def max_pieces(config: PretrainedConfig, tokenizer_limit: int) -> int:
    """RETURNS (int): The longest input the position table and the tokenizer allow."""
    positions = getattr(config, "max_position_embeddings", None) or 512
    if config.model_type in OFFSET_POSITIONS:
        positions -= (config.pad_token_id or 0) + 1
    return min(positions, tokenizer_limit)


def config_dict(transformer: PreTrainedModel) -> dict[str, Any]:
    """RETURNS (dict): The model's configuration without names of where it came from."""
    config = json.loads(transformer.config.to_json_string(use_diff=False))
    return {k: v for k, v in config.items() if k not in ("_name_or_path", "transformers_version")}


def _without_pooler(config: PretrainedConfig) -> dict[str, Any]:
    """The pooling layer of BERT-likes is never used here: leave it out where one can."""
    import inspect

    from transformers import MODEL_MAPPING

    model_class: Any = MODEL_MAPPING.get(type(config), None)
    takes = (
        isinstance(model_class, type)
        and "add_pooling_layer" in inspect.signature(model_class).parameters
    )
    return {"add_pooling_layer": False} if takes else {}


def _not_loaded(name: str, err: Exception) -> XinzhiError:
    sources = get_sources()
    reason = next((line.strip() for line in str(err).splitlines() if line.strip()), repr(err))
    if Path(name).is_dir() or name in sources:
        return XinzhiError(
            f"The encoder '{name}' cannot be loaded: {reason}",
            "Its folder needs config.json, model.safetensors and a fast tokenizer "
            "(tokenizer.json, tokenizer_config.json), all complete.",
        )
    return XinzhiError(
        f"The encoder '{name}' is not a local folder, not a registered encoder "
        f"({', '.join(sorted(sources))}), and could not be loaded as a hub name: {reason}",
        "Check paths.encoder in the config, or run: xinzhi encoder fetch e5-small --out FOLDER. "
        "For a hub behind a firewall, set HF_ENDPOINT to a mirror you can reach.",
    )


@contextmanager
def _no_retry_lines() -> Iterator[None]:
    """Without a network the hub client warns before each of its retries; one error is enough."""
    logger = logging.getLogger("huggingface_hub.utils._http")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
