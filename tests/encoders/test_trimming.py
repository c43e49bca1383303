"""Trimming every kind of vocabulary: the texts it was trimmed for are cut as before."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from tests.util import TEXTS
from xinzhi.encoders.vocabulary import character_of, trim_vocabulary

UNKNOWN = "<unk>"
SPECIAL = ["<pad>", UNKNOWN]
ALPHABET = sorted(set("".join(TEXTS)) - {" "})
TEXT = st.lists(
    st.sampled_from([*ALPHABET, " ", *TEXTS[0].split("，"), "city ", "智慧"]), max_size=12
)


def bpe(**affixes: object) -> Tokenizer:
    """BPE on words, with marks for the inside (##) or the end (</w>) of a word."""
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN, **affixes))  # type: ignore[arg-type]
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return train(tokenizer, **affixes)


def byte_bpe(**affixes: object) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN, **affixes))  # type: ignore[arg-type]
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return train(tokenizer, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), **affixes)


def whole_word_bpe() -> Tokenizer:
    """As Llama 3: a word that is a piece is taken as it is, whatever the merges say."""
    spec = json.loads(byte_bpe().to_str())
    spec["model"]["ignore_merges"] = True
    return Tokenizer.from_str(json.dumps(spec))


def train(tokenizer: Tokenizer, **settings: object) -> Tokenizer:
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=SPECIAL,
        show_progress=False,
        **settings,  # type: ignore[arg-type]
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer


def sentencepiece_bpe() -> Tokenizer:
    """As Llama: ▁ for a space, bytes for the unknown, and a merge for every way to make a piece."""
    counts = Counter(
        text[i : i + n]
        for text in ("▁" + text.replace(" ", "▁") for text in TEXTS)
        for n in range(1, 5)
        for i in range(len(text) - n + 1)
    )
    pieces = sorted(counts, key=lambda piece: (len(piece) > 1, -counts[piece], piece))
    names = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), *pieces]
    vocabulary = {piece: i for i, piece in enumerate(names)}
    merges = [
        (piece[:i], piece[i:]) for piece in pieces for i in range(1, len(piece)) if len(piece) > 1
    ]
    tokenizer = Tokenizer(
        models.BPE(vocabulary, merges, unk_token=UNKNOWN, byte_fallback=True, fuse_unk=True)
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    return tokenizer


def wordpiece() -> Tokenizer:
    """WordPiece with a mark of its own for the inside of a word."""
    inner = Counter(text[i : i + n] for text in TEXTS for n in (1, 2, 3) for i in range(len(text)))
    pieces = [piece for piece in sorted(inner) if " " not in piece]
    names = [*SPECIAL, *pieces, *(f"@@{piece}" for piece in pieces)]
    vocabulary = {piece: i for i, piece in enumerate(names)}
    model = models.WordPiece(vocabulary, unk_token=UNKNOWN, continuing_subword_prefix="@@")
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


KINDS: dict[str, Callable[[], Tokenizer]] = {
    "bpe": bpe,
    "bpe with ##": lambda: bpe(continuing_subword_prefix="##"),
    "bpe with </w>": lambda: bpe(end_of_word_suffix="</w>"),
    "bpe with both": lambda: bpe(continuing_subword_prefix="##", end_of_word_suffix="</w>"),
    "byte-level bpe": byte_bpe,
    "byte-level bpe with </w>": lambda: byte_bpe(end_of_word_suffix="</w>"),
    "whole-word bpe": whole_word_bpe,
    "sentencepiece bpe": sentencepiece_bpe,
    "wordpiece with @@": wordpiece,
}
MADE: dict[str, Tokenizer] = {}


def made(kind: str) -> Tokenizer:
    if kind not in MADE:
        MADE[kind] = KINDS[kind]()
    return MADE[kind]


def trimmed(tokenizer: Tokenizer, texts: list[str], reserve: int = 0) -> Tokenizer:
    needed = {i for encoding in tokenizer.encode_batch(texts) for i in encoding.ids}
    new = trim_vocabulary(tokenizer.to_str(), needed, reserve, pad_id=0)
    return Tokenizer.from_str(new.tokenizer_json)


def cut(tokenizer: Tokenizer, texts: list[str]) -> list[tuple[list[str], list[tuple[int, int]]]]:
    return [(encoding.tokens, encoding.offsets) for encoding in tokenizer.encode_batch(texts)]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_no_piece_of_the_corpus_changes(kind: str, data: st.DataObject) -> None:
    before = made(kind)
    corpus = ["".join(parts) for parts in data.draw(st.lists(TEXT, min_size=1, max_size=4))]
    assert cut(trimmed(before, corpus), corpus) == cut(before, corpus)


@pytest.mark.parametrize("kind", KINDS)
def test_other_texts_are_cut_smaller_but_never_unknown(kind: str) -> None:
    before = made(kind)
    after = trimmed(before, TEXTS[:1])
    assert after.get_vocab_size() < before.get_vocab_size()
    for text in [*TEXTS, *(f"{a}{b} {b}" for a, b in pairwise(ALPHABET))]:
        was, now = before.encode(text), after.encode(text)
        assert now.tokens.count(UNKNOWN) <= was.tokens.count(UNKNOWN), text
        assert len(now.tokens) >= len(was.tokens)
        covered = {i for start, end in now.offsets for i in range(start, end)}
        assert covered >= {i for i, c in enumerate(text) if c != " "}


@pytest.mark.parametrize(
    ("kind", "piece", "text"),
    [
        ("bpe with ##", "##市", "市"),
        ("bpe with ##", "市", "市"),
        ("bpe with </w>", "市</w>", "市"),
        ("bpe with both", "##市</w>", "市"),
        ("byte-level bpe", "Ġcity", "city"),
        ("byte-level bpe with </w>", "a</w>", "a"),
        ("sentencepiece bpe", "▁市", "市"),
        ("wordpiece with @@", "@@市", "市"),
    ],
)
def test_marks_are_no_characters(kind: str, piece: str, text: str) -> None:
    assert character_of(piece, json.loads(made(kind).to_str())) == text


def test_an_unknown_character_keeps_its_cost() -> None:
    """It costs 10 more than the rarest piece, zzz, which therefore stays."""
    scores = {
        UNKNOWN: 0.0,
        "xb": -25.0,
        "cd": -25.0,
        "e": -25.0,
        "bcde": -1.0,
        "q": -2.0,
        "zzz": -70.0,
    }
    before = Tokenizer(models.Unigram(list(scores.items()), unk_id=0))
    corpus = ["xbcde", "bcde"]
    assert before.encode("xbcde").tokens == ["xb", "cd", "e"]  # -75; x unknown and bcde: -81
    after = trimmed(before, corpus)
    assert cut(after, corpus) == cut(before, corpus)
