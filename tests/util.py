"""Tiny encoders of three tokenizer families, with random weights, built in a second."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers.processors import RobertaProcessing, TemplateProcessing

TEXTS = [
    "智慧城市建设稳步推进，城市大脑和一网通办服务市民。",
    "一网通办真方便，智能客服翻来覆去就一句话。",
    "数字化管理平台上线，电子台账一键生成，效率提升三成。",
    "AI导诊、远程视频银行、无人配送车走进社区，适老化改造完成。",
    "The smart city platform went live in Beijing and Shanghai.",
    "Customers praise the new service, response time fell to 1.5 hours.",
    "潮汐车道、柔性排产系统、井盖传感监测、刷脸门禁。",
] * 3
WIDTH = 32
KINDS = ("unigram", "wordpiece", "bpe")


def make_tiny_encoder(folder: Path, kind: str = "unigram", *, seed: int = 0) -> Path:
    """Write a Hugging Face folder with a tiny random encoder.

    folder (Path): Where; made if it is not there.
    kind (str): "unigram" (SentencePiece, like XLM-R), "wordpiece" (like Chinese BERT), "bpe"
        (byte-level, like RoBERTa, which counts positions from the padding id).
    RETURNS (Path): The folder.
    """
    import torch
    from transformers import BertConfig, BertModel, RobertaConfig, RobertaModel

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer, special = {"unigram": _unigram, "wordpiece": _wordpiece, "bpe": _bpe}[kind]()
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 64, **special}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf8")
    pad = tokenizer.token_to_id(special["pad_token"])
    sizes = {
        "vocab_size": tokenizer.get_vocab_size(),
        "hidden_size": WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "pad_token_id": pad,
    }
    torch.manual_seed(seed)
    if kind == "bpe":
        positions = 64 + pad + 1
        model = RobertaModel(RobertaConfig(max_position_embeddings=positions, **sizes))
    else:
        model = BertModel(BertConfig(max_position_embeddings=64, **sizes))
    model.save_pretrained(folder, safe_serialization=True)
    return folder


def _unigram() -> tuple[Tokenizer, dict[str, str]]:
    special = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    counts = _substrings(["▁" + text.replace(" ", "▁") for text in TEXTS])
    total = sum(counts.values())
    scored = [(piece, math.log(count / total)) for piece, count in counts.items()]
    vocabulary = [*((token, 0.0) for token in special.values()), *scored]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=3))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    _template(tokenizer, "<s>", "</s>")
    return tokenizer, special


def _wordpiece() -> tuple[Tokenizer, dict[str, str]]:
    special = {
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
    }
    counts = _substrings(re.findall(r"[a-z]+|[^a-z\s]", " ".join(TEXTS).lower()))
    pieces = [*special.values(), *counts, *(f"##{piece}" for piece in counts)]
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    _template(tokenizer, "[CLS]", "[SEP]")
    return tokenizer, special


def _bpe() -> tuple[Tokenizer, dict[str, str]]:
    special = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=list(special.values()),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    ids = tokenizer.token_to_id
    tokenizer.post_processor = RobertaProcessing(
        ("</s>", ids("</s>")), ("<s>", ids("<s>")), trim_offsets=True, add_prefix_space=False
    )
    return tokenizer, special


def _substrings(texts: list[str], longest: int = 5, size: int = 350) -> dict[str, int]:
    """Every character and the most frequent longer substrings, counted.

    Made by hand, since the trainers of `tokenizers` break ties differently in every process.
    """
    counts = Counter(
        text[i : i + n]
        for text in texts
        for n in range(1, longest + 1)
        for i in range(len(text) - n + 1)
    )
    inner = {piece: count for piece, count in counts.items() if "▁" not in piece[1:]}
    ranked = sorted(inner, key=lambda piece: (len(piece) > 1, -inner[piece] * len(piece), piece))
    return {piece: inner[piece] for piece in ranked[:size]}


def _template(tokenizer: Tokenizer, first: str, last: str) -> None:
    ids = [(token, tokenizer.token_to_id(token)) for token in (first, last)]
    tokenizer.post_processor = TemplateProcessing(single=f"{first} $A {last}", special_tokens=ids)
