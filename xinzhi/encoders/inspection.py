"""What an encoder is and how it cuts a text, as facts for people."""

from __future__ import annotations

from .loading import load_encoder
from .tokenizer import PieceTokenizer
from .vocabulary import isolate_han


def inspect_encoder(name: str, text: str) -> dict[str, str | int]:
    """Describe an encoder.

    name (str): A local folder, a registered source or a hub name.
    text (str): A text to cut into pieces.
    RETURNS (dict): Fact -> value, in the order to print.
    RAISES (XinzhiError): As `load_encoder`.
    """
    loaded = load_encoder(name)
    config = loaded.transformer.config
    plain = PieceTokenizer(loaded.tokenizer_json, loaded.pad_id)
    apart = PieceTokenizer(isolate_han(loaded.tokenizer_json), loaded.pad_id)
    weights = sum(p.numel() for p in loaded.transformer.parameters())
    embedding = next(loaded.transformer.get_input_embeddings().parameters()).numel()
    return {
        "model type": config.model_type,
        "layers": config.num_hidden_layers,
        "hidden size": config.hidden_size,
        "vocabulary": plain.vocabulary_size,
        "longest input in pieces": loaded.max_pieces,
        "weights": f"{weights:,}",
        "of these, the vocabulary": f"{embedding:,}",
        "pieces as they are": " | ".join(plain.encode([text])[0].strings),
        "pieces, Han apart": " | ".join(apart.encode([text])[0].strings),
    }
