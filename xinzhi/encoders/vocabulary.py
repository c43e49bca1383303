"""Two changes to a fast tokenizer, made on its JSON form: Han characters apart, vocabulary trimmed.

Both work on the three tokenizer models in use: Unigram (SentencePiece), WordPiece, and BPE
(byte-level or SentencePiece). A trimmed vocabulary keeps every single character, so a word whose
piece went falls back to smaller pieces; offsets always refer to the original text.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

HAN = r"\p{Han}"
MAX_KEPT_PAD = 1000


@dataclass(frozen=True)
class TrimmedVocabulary:
    """A trimmed tokenizer.

    tokenizer_json (str): The new tokenizer.
    kept (list[int]): Old id of each new id; the embedding rows to keep, in order.
    """

    tokenizer_json: str
    kept: list[int]


def isolate_han(tokenizer_json: str) -> str:
    """Make every Han character a word of its own, so that it becomes a piece of its own.

    The split runs after the pre-tokenizer in place (a Metaspace marker stays one piece at the front
    of the text), except for byte-level ones, which must see the split before characters turn into
    bytes.

    tokenizer_json (str): A `tokenizers.Tokenizer`, serialised.
    RETURNS (str): The changed tokenizer.
    """
    spec = json.loads(tokenizer_json)
    split = {"type": "Split", "pattern": {"Regex": HAN}, "behavior": "Isolated", "invert": False}
    present = spec["pre_tokenizer"]
    if present is None:
        steps = [split]
    elif "ByteLevel" in json.dumps(present):
        steps = [split, present]
    else:
        steps = [present, split]
    spec["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": steps}
    return json.dumps(spec, ensure_ascii=False)


def trim_vocabulary(
    tokenizer_json: str, needed: Iterable[int], reserve: int, pad_id: int
) -> TrimmedVocabulary:
    """Keep the pieces a corpus needs, every single character, and a reserve of frequent pieces.

    tokenizer_json (str): A `tokenizers.Tokenizer`, serialised.
    needed (Iterable[int]): Ids the corpus uses.
    reserve (int): How many further pieces of ASCII and Han characters to keep, the lowest ids
        (in trained vocabularies the most frequent) first.
    pad_id (int): It keeps its value (up to 1000), since some encoders count positions from it.
    RETURNS (TrimmedVocabulary): The new tokenizer and the rows to keep.
    """
    spec = json.loads(tokenizer_json)
    pieces = _pieces_by_id(spec)
    fixed = {token["id"] for token in spec.get("added_tokens", [])}
    if pad_id <= MAX_KEPT_PAD:
        fixed |= set(range(pad_id + 1))
    kept = fixed | set(needed) | _always_kept(spec, pieces)
    kept |= set(_reserve(spec, pieces, kept, reserve))
    if spec["model"]["type"] == "BPE":
        kept = _close_over_merges(spec["model"], kept)
    order = sorted(i for i in kept if i in pieces or i in fixed)
    _renumber(spec, order, pieces)
    return TrimmedVocabulary(json.dumps(spec, ensure_ascii=False), order)


def character_of(piece: str, spec: dict[str, Any]) -> str:
    """The text a piece stands for, without its word marker (▁, ##, </w>, or the byte-level space).

    RETURNS (str): The text; "" for a marker alone, and for bytes that are no whole character.
    """
    piece = piece.removesuffix(spec["model"].get("end_of_word_suffix") or "")
    piece = piece.removeprefix(_inner_prefix(spec["model"]))
    if _is_byte_level(spec):
        raw = bytes(_BYTE_OF[c] for c in piece if c in _BYTE_OF)
        return raw.decode("utf8", errors="ignore").removeprefix(" ")
    return piece.removeprefix("▁")


def _inner_prefix(model: dict[str, Any]) -> str:
    """RETURNS (str): What marks a piece inside a word, ## in most WordPiece vocabularies."""
    return model.get("continuing_subword_prefix") or ""


def _pieces_by_id(spec: dict[str, Any]) -> dict[int, str]:
    vocabulary = spec["model"]["vocab"]
    if isinstance(vocabulary, list):
        return {i: piece for i, (piece, _) in enumerate(vocabulary)}
    return {i: piece for piece, i in vocabulary.items()}


def _always_kept(spec: dict[str, Any], pieces: dict[int, str]) -> set[int]:
    """Single characters, markers, the unknown piece, and the bytes of byte-level models.

    In Unigram models also the rarest piece: an unknown character costs 10 more than it does.
    """
    kept = {i for i, piece in pieces.items() if len(character_of(piece, spec)) <= 1}
    if spec["model"].get("byte_fallback"):
        kept |= {i for i, piece in pieces.items() if piece.startswith("<0x") and len(piece) == 6}
    if isinstance(spec["model"]["vocab"], list):
        scores = [score for _, score in spec["model"]["vocab"]]
        kept.add(scores.index(min(scores)))
    unknown = (spec["model"].get("unk_token"), spec["model"].get("unk_id"))
    return kept | {i for i, piece in pieces.items() if piece == unknown[0] or i == unknown[1]}


def _reserve(spec: dict[str, Any], pieces: dict[int, str], kept: set[int], size: int) -> list[int]:
    """The lowest ids, not kept yet, that this tokenizer can reach and our languages use."""
    isolated = HAN in json.dumps(spec["pre_tokenizer"]).replace("\\\\", "\\")
    chosen: list[int] = []
    for i in sorted(pieces):
        if len(chosen) >= size:
            break
        text = character_of(pieces[i], spec)
        usable = text.isascii() or (not isolated and all(c.isascii() or is_han(c) for c in text))
        if i not in kept and text and usable and not text.startswith("[unused"):
            chosen.append(i)
    return chosen


def is_han(character: str) -> bool:
    """RETURNS (bool): Whether a code point is a Han ideograph, by its Unicode name."""
    return unicodedata.name(character, "").startswith("CJK ") and character.isalpha()


def _close_over_merges(model: dict[str, Any], kept: set[int]) -> set[int]:
    """A BPE piece is reachable only through its merges: keep the parts of what is kept, too.

    With the parts of every merge that makes a kept piece, all steps that a text took are still
    there, in the same order, so it is cut as before. (Vocabularies converted from SentencePiece
    list several merges for one piece.)
    """
    ids, marked = model["vocab"], len(_inner_prefix(model))
    parts: dict[int, list[int]] = {}
    for left, right in map(_merge_parts, model["merges"]):
        parts.setdefault(ids[left + right[marked:]], []).extend((ids[left], ids[right]))
    todo, closed = list(kept), set(kept)
    while todo:
        for part in parts.get(todo.pop(), ()):
            if part not in closed:
                closed.add(part)
                todo.append(part)
    return closed


def _merge_parts(merge: str | list[str]) -> tuple[str, str]:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _renumber(spec: dict[str, Any], order: list[int], pieces: dict[int, str]) -> None:
    """Write the kept pieces back under their new ids, everywhere an id or a piece is named."""
    new = {old: i for i, old in enumerate(order)}
    model = spec["model"]
    if isinstance(model["vocab"], list):
        model["vocab"] = [model["vocab"][i] for i in order if i in pieces]
        if model.get("unk_id") is not None:
            model["unk_id"] = new[model["unk_id"]]
    else:
        model["vocab"] = {pieces[i]: new[i] for i in order if i in pieces}
    if "merges" in model:
        names, marked = model["vocab"], len(_inner_prefix(model))
        model["merges"] = [
            [a, b]
            for a, b in map(_merge_parts, model["merges"])
            if a in names and b in names and a + b[marked:] in names
        ]
    for token in spec.get("added_tokens", []):
        token["id"] = new[token["id"]]
    _renumber_processor(spec.get("post_processor"), new)


def _renumber_processor(processor: dict[str, Any] | None, new: dict[int, int]) -> None:
    if processor is None:
        return
    for nested in processor.get("processors", []):
        _renumber_processor(nested, new)
    for name in ("sep", "cls"):
        if name in processor:
            processor[name][1] = new[processor[name][1]]
    special = processor.get("special_tokens")
    if isinstance(special, dict):
        for token in special.values():
            token["ids"] = [new[i] for i in token["ids"]]


def _is_byte_level(spec: dict[str, Any]) -> bool:
    steps = json.dumps([spec.get(step) for step in ("normalizer", "pre_tokenizer", "decoder")])
    return spec["model"]["type"] == "BPE" and "ByteLevel" in steps


def _bytes_to_symbols() -> dict[int, str]:
    """GPT-2's printable stand-in for each byte (Radford et al. 2019, `bytes_to_unicode`)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    symbols = {b: chr(b) for b in printable}
    others = (b for b in range(256) if b not in symbols)
    return symbols | {b: chr(256 + n) for n, b in enumerate(others)}


_BYTE_OF = {symbol: byte for byte, symbol in _bytes_to_symbols().items()}
