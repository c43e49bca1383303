"""Trimming and Han isolation on the three tokenizer families."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.util import KINDS, TEXTS
from xinzhi.encoders.loading import LoadedEncoder, load_encoder
from xinzhi.encoders.tokenizer import PieceTokenizer
from xinzhi.encoders.vocabulary import isolate_han, trim_vocabulary
from xinzhi.layers.encoder import trim_encoder

HARD = [
    "智慧城市", "鲁石化a19.11", "ＡＢＣ１２３", "👨‍👩‍👧", "㎏", "１.72万亿欧元", "臺/檯/颱",
    "智\u200b慧", "", " ", "\r\n", "e\u0301", "unseenword zzzq", "\ufffd", "a" * 300,
]  # fmt: skip


@pytest.fixture(params=KINDS)
def loaded(request: pytest.FixtureRequest, tiny_encoder: Callable[..., Path]) -> LoadedEncoder:
    return load_encoder(str(tiny_encoder(request.param)))


def pieces_of(loaded: LoadedEncoder, text: str, *, apart: bool = False) -> list[str]:
    spec = isolate_han(loaded.tokenizer_json) if apart else loaded.tokenizer_json
    return PieceTokenizer(spec, loaded.pad_id).encode([text])[0].strings


def test_isolated_han_characters_share_no_piece(loaded: LoadedEncoder) -> None:
    tokenizer = PieceTokenizer(isolate_han(loaded.tokenizer_json), loaded.pad_id)
    for text in TEXTS:
        pieces = tokenizer.encode([text])[0]
        for start, end in zip(pieces.starts, pieces.ends, strict=True):
            covered = text[start:end]
            assert len(covered) <= 1 or not any("\u4e00" <= c <= "\u9fff" for c in covered)


def test_unigram_merges_han_unless_isolated(tiny_encoder: Callable[..., Path]) -> None:
    loaded = load_encoder(str(tiny_encoder("unigram")))
    assert "城市" in "".join(p for p in pieces_of(loaded, "智慧城市建设") if len(p) > 1)
    assert pieces_of(loaded, "智慧城市", apart=True) == ["▁", "智", "慧", "城", "市"]


@pytest.mark.parametrize("apart", [True, False])
def test_trimming_changes_no_piece_of_its_corpus(loaded: LoadedEncoder, apart: bool) -> None:
    if apart:
        loaded.tokenizer_json = isolate_han(loaded.tokenizer_json)
    before = PieceTokenizer(loaded.tokenizer_json, loaded.pad_id)
    corpus = TEXTS[:3]
    expected = [(p.strings, p.starts.tolist()) for p in before.encode(corpus)]
    trim_encoder(loaded, corpus, reserve=0)
    after = PieceTokenizer(loaded.tokenizer_json, loaded.pad_id)
    assert [(p.strings, p.starts.tolist()) for p in after.encode(corpus)] == expected
    assert after.vocabulary_size < before.vocabulary_size


def test_trimmed_embedding_rows_are_those_of_the_pieces(loaded: LoadedEncoder) -> None:
    import torch

    old_vocabulary = PieceTokenizer(loaded.tokenizer_json, loaded.pad_id)._tokenizer.get_vocab()
    old_table = loaded.transformer.get_input_embeddings().weight.detach().clone()
    trim_encoder(loaded, TEXTS[:2], reserve=5)
    new_vocabulary = PieceTokenizer(loaded.tokenizer_json, loaded.pad_id)._tokenizer.get_vocab()
    new_table = loaded.transformer.get_input_embeddings().weight.detach()
    assert len(new_table) == len(new_vocabulary) == loaded.transformer.config.vocab_size
    for piece, new_id in new_vocabulary.items():
        assert torch.equal(new_table[new_id], old_table[old_vocabulary[piece]]), piece


def test_special_tokens_survive_trimming(loaded: LoadedEncoder) -> None:
    before = PieceTokenizer(loaded.tokenizer_json, loaded.pad_id)
    names = {i: piece for piece, i in before._tokenizer.get_vocab().items()}
    expected = [names[i] for i in before.prefix], [names[i] for i in before.suffix]
    pad = names[loaded.pad_id], loaded.pad_id
    trim_encoder(loaded, ["智"], reserve=0)
    after = PieceTokenizer(loaded.tokenizer_json, loaded.pad_id)
    names = {i: piece for piece, i in after._tokenizer.get_vocab().items()}
    assert ([names[i] for i in after.prefix], [names[i] for i in after.suffix]) == expected
    assert (names[loaded.pad_id], loaded.pad_id) == pad


@pytest.mark.parametrize("text", HARD)
def test_offsets_stay_in_order_and_inside_the_text(loaded: LoadedEncoder, text: str) -> None:
    loaded.tokenizer_json = isolate_han(loaded.tokenizer_json)
    trim_encoder(loaded, TEXTS[:1], reserve=0)
    pieces = PieceTokenizer(loaded.tokenizer_json, loaded.pad_id).encode([text])[0]
    assert (pieces.starts <= pieces.ends).all()
    assert (pieces.starts[1:] >= pieces.starts[:-1]).all()
    assert not len(pieces.ends) or pieces.ends.max() <= len(text)
    covered = {i for s, e in zip(pieces.starts, pieces.ends, strict=True) for i in range(s, e)}
    visible = {i for i, c in enumerate(text) if not c.isspace() and c not in "\u200b\u200d\ufffd"}
    assert visible <= covered | {i for i, c in enumerate(text) if c == "\u0301"}


def test_unknown_word_falls_back_to_smaller_pieces(tiny_encoder: Callable[..., Path]) -> None:
    loaded = load_encoder(str(tiny_encoder("unigram")))
    vocabulary = PieceTokenizer(loaded.tokenizer_json, loaded.pad_id)._tokenizer.get_vocab()
    words = (p for p in sorted(vocabulary) if len(p) > 2 and p.isalpha())
    piece = next(p for p in words if p in pieces_of(loaded, p * 3))
    text = piece * 3
    trim_encoder(loaded, ["零"], reserve=0)
    smaller = pieces_of(loaded, text)
    assert "".join(smaller).removeprefix("▁") == text
    assert piece not in smaller


def test_reserve_keeps_the_first_reachable_pieces(tiny_encoder: Callable[..., Path]) -> None:
    loaded = load_encoder(str(tiny_encoder("unigram")))
    spec = isolate_han(loaded.tokenizer_json)
    none = trim_vocabulary(spec, [], 0, loaded.pad_id)
    some = trim_vocabulary(spec, [], 7, loaded.pad_id)
    added = set(some.kept) - set(none.kept)
    pieces = [p for p, _ in json.loads(spec)["model"]["vocab"]]
    assert len(added) == 7
    assert all(pieces[i].removeprefix("▁").isascii() for i in added)


def test_lone_surrogates_keep_their_place(loaded: LoadedEncoder) -> None:
    pieces = PieceTokenizer(loaded.tokenizer_json, loaded.pad_id).encode(["智\ud83d慧"])[0]
    assert pieces.ends.max() == 3


def test_the_unknown_piece_is_kept_without_being_a_special_token() -> None:
    vocabulary = [["<pad>", 0.0], ["a", -2.0], ["<unk>", 0.0], ["abc", -1.0]]
    spec = {
        "model": {"type": "Unigram", "unk_id": 2, "vocab": vocabulary, "byte_fallback": False},
        "pre_tokenizer": None,
        "added_tokens": [],
    }
    trimmed = trim_vocabulary(json.dumps(spec), needed=[], reserve=0, pad_id=0)
    assert trimmed.kept == [0, 1, 2]
    assert json.loads(trimmed.tokenizer_json)["model"]["unk_id"] == 2
