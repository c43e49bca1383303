"""Read a Hugging Face encoder: configuration, weights, fast tokenizer."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterator
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
HUB_SECONDS = 10.0


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

    A hub is asked only for what its cache on this machine does not have.

    name (str): See `sources.resolve`.
    RETURNS (LoadedEncoder): The encoder.
    RAISES (XinzhiError): Unknown or unreachable name, damaged or incomplete folder, or no fast
        tokenizer.
    """
    config, tokenizer, transformer = read_encoder(
        name,
        attention_probs_dropout_prob=0.0,  # torch on CPU: not fused with it
    )
    pad_id = tokenizer.pad_token_id
    return LoadedEncoder(
        transformer,
        tokenizer.backend_tokenizer.to_str(),
        0 if pad_id is None else pad_id,
        max_pieces(config, tokenizer.model_max_length),
    )


def read_encoder(name: str, **changes: Any) -> tuple[PretrainedConfig, Any, PreTrainedModel]:
    """Read an encoder with transformers, as it is but for its pooler.

    name (str): See `sources.resolve`.
    changes (Any): Settings of its configuration to change, where it has them.
    RETURNS (tuple): Configuration, tokenizer and model.
    RAISES (XinzhiError): As `load_encoder`.
    """
    from safetensors import SafetensorError

    source = resolve(name)
    errors = (OSError, ValueError, ImportError, SafetensorError)
    try:
        try:
            config, tokenizer, transformer = _read(source, True, changes)
        except errors:
            if Path(source).is_dir():
                raise
            reach_hub()
            config, tokenizer, transformer = _read(source, False, changes)
    except errors as err:
        raise _not_loaded(name, err) from err
    if not tokenizer.is_fast:
        raise XinzhiError(
            f"The encoder '{name}' has no fast tokenizer, so offsets are not known.",
            "Convert it with transformers' AutoTokenizer(...).save_pretrained(folder) where "
            "'tokenizers' and 'sentencepiece' are installed, then name that folder.",
        )
    return config, tokenizer, transformer


def _read(
    source: str, local_files_only: bool, changes: dict[str, Any]
) -> tuple[PretrainedConfig, Any, PreTrainedModel]:
    """RETURNS (tuple): Configuration, tokenizer and model, as transformers reads them."""
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    where = {"local_files_only": local_files_only}
    with _quiet("huggingface_hub.utils._http"):
        config = AutoConfig.from_pretrained(source, **where, **changes)
        tokenizer = AutoTokenizer.from_pretrained(source, use_fast=True, **where)
        with _quiet("transformers.modeling_utils", "transformers.integrations.tensor_parallel"):
            transformer, info = AutoModel.from_pretrained(
                source, config=config, output_loading_info=True, **where, **_without_pooler(config)
            )
    _check_complete(source, info["missing_keys"])
    return config, tokenizer, transformer


def _check_complete(source: str, missing: Collection[str]) -> None:
    """Weights that are left over (pooler, language-model head) are no concern, missing ones are."""
    needed = sorted(key for key in missing if "pooler" not in key)
    if needed:
        raise XinzhiError(
            f"The encoder '{source}' lacks {len(needed)} weights that its config.json asks for, "
            f"e.g. {needed[0]}.",
            "Take config.json and model.safetensors from the same encoder.",
        )


def reach_hub() -> None:
    """Ask the hub for a sign of life: its client would try for half a minute.

    RAISES (OSError): If it cannot be reached.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=HUB_SECONDS)
    except OSError as err:
        if constants.HF_HUB_OFFLINE:
            raise OSError("HF_HUB_OFFLINE is set and the cache does not hold all of it.") from err
        raise OSError(f"{constants.ENDPOINT} cannot be reached.") from err


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
        "Name a Hugging Face folder on this machine instead; xinzhi encoder fetch e5-small --out "
        "FOLDER writes one. For a hub behind a firewall, set HF_ENDPOINT to a mirror you can "
        "reach; with HF_HUB_OFFLINE=1 only earlier downloads are used.",
    )


@contextmanager
def _quiet(*logger_names: str) -> Iterator[None]:
    """Hold back warnings of the hub client's retries, of weights left over or not sharded."""
    loggers = [logging.getLogger(name) for name in logger_names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
