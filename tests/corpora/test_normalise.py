"""The normaliser: what each step does, and that every span finds its original characters again."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xinzhi.compat import require
from xinzhi.corpora.normalise import STEPS, Normalised, apply, normalise
from xinzhi.errors import XinzhiError

WITHOUT_OPENCC = [name for name in STEPS if name != "simplified"]


@pytest.mark.parametrize(
    ("steps", "text", "expected"),
    [
        (
            ["width"],
            "ＡＢＣ１２３，３２．６６％！",
            "ABC123，32.66%！",
        ),  # Chinese punctuation stays
        (["width"], "ｱﾊﾟｰﾄ", "アパート"),
        (["zero-width"], "\ufeff北\u200b京\u200d市\u00ad", "北京市"),
        (["zero-width"], "👨\u200d👩\u200d👧❤\ufe0f\u200d🔥", "👨\u200d👩\u200d👧❤\ufe0f\u200d🔥"),
        (["zero-width"], "می\u200cخواهم", "می\u200cخواهم"),
        (["spaces"], "去\u00a0北京\u3000吧", "去 北京 吧"),
        (["control"], "a\r\nb\rc\u2028d\x00\x07\te", "a\nb\nc\nd\te"),
        (["nfkc"], "50㎏Ⅳ①ﬁ，e\u0301", "50kgIV1fi,é"),
        (["nfkc"], "한", "한"),
        (["nfkc"], "一e\u0301二", "一é二"),
        (["simplified"], "臺北檯燈颱風乾燥乾隆", "台北台灯台风干燥乾隆"),
        ([], "ＡＢＣ\u200b", "ＡＢＣ\u200b"),
    ],
)
def test_steps(steps: list[str], text: str, expected: str):
    if "simplified" in steps:
        pytest.importorskip("opencc")
    assert normalise(text, steps).text == expected


def test_default_steps_keep_what_a_reader_sees():
    assert normalise("臺北，㎏ Ａ\u200b１").text == "臺北，㎏ A1"


def test_spans_go_both_ways():
    result = normalise("重\u200b５０㎏左右", ["zero-width", "width", "nfkc"])
    assert result.text == "重50kg左右"
    assert result.to_original(1, 5) == (2, 5)  # ５０㎏
    assert result.to_original(1, 3) == (2, 4)  # ５０
    assert result.to_original(4, 5) == (4, 5)  # the g of ㎏ came from all of ㎏
    assert result.to_normalised(2, 5) == (1, 5)
    assert result.to_normalised(1, 5) == (1, 5)  # the zero-width space at the edge is gone
    assert result.to_normalised(1, 2) == (1, 1)  # nothing is left of it
    assert result.to_normalised(5, 7) == (5, 7)


def test_unknown_step():
    with pytest.raises(
        XinzhiError, match=r"no normalisation step 'widht'(.|\n)*Use some of.*width"
    ):
        normalise("x", ["widht"])


def test_missing_opencc_names_the_extra(monkeypatch):
    def missing(*args):
        return require("no_such_module_opencc", *args[1:])

    monkeypatch.setattr("xinzhi.corpora.normalise.require", missing)
    monkeypatch.setattr("xinzhi.corpora.normalise._opencc", _uncached_opencc())
    with pytest.raises(XinzhiError, match=r"pip install 'xinzhi\[opencc\]'"):
        normalise("臺", ["simplified"])


def _uncached_opencc():
    from xinzhi.corpora import normalise as module

    return module._opencc.__wrapped__


@pytest.mark.slow
def test_pieces_are_put_together_as_nfkc_of_the_whole():
    """Every character that NFKC changes or that might join the one before it."""
    for char in map(chr, (*range(0xD800), *range(0xE000, 0x20000), *range(0x2F800, 0x2FA20))):
        if unicodedata.is_normalized("NFKC", char) and unicodedata.category(char) == "Lo":
            continue
        text = f"e{char}a"
        assert normalise(text, ["nfkc"]).text == unicodedata.normalize("NFKC", text), hex(ord(char))


# A text made of pieces whose outcome is known: an answer independent of the code under test.
PIECES = {
    "北": "北",
    "京市": "京市",
    "Ａ": "A",
    "１２": "12",
    "㎏": "kg",
    "e\u0301": "é",
    "ｶﾞ": "ガ",
    "👨\u200d👩\u200d👧": "👨\u200d👩\u200d👧",
    "🏴\U000e0067\U000e0062\U000e007f": "🏴\U000e0067\U000e0062\U000e007f",
    "👍🏽": "👍🏽",
    "\u200b": "",
    "\ufeff": "",
    "\x07": "",
    "\u3000": " ",
    "\xa0": " ",
    "，": ",",
    "臺": "臺",
    " ": " ",
    "x": "x",
    "ﬁ": "fi",
}


def check_known_pieces(pieces: list[str], numbers: tuple[int, int]) -> None:
    original = "".join(pieces)
    result = normalise(original, WITHOUT_OPENCC)
    assert result.text == "".join(PIECES[piece] for piece in pieces)
    first, last = sorted(number % len(pieces) for number in numbers)
    before = "".join(pieces[:first])
    inside = "".join(pieces[first : last + 1])
    start, end = len(before), len(before) + len(inside)
    wanted = "".join(PIECES[piece] for piece in pieces[first : last + 1])
    new = result.to_normalised(start, end)
    assert result.text[slice(*new)] == wanted
    if PIECES[pieces[first]] and PIECES[pieces[last]]:
        assert result.to_original(*new) == (start, end)
        assert original[slice(*result.to_original(*new))] == inside


ANYTHING = st.text(
    alphabet=st.one_of(
        st.sampled_from(
            "北京臺灣後，。ＡＢ１２．㎏Ⅳ①ﬁ \t\n\r\x00\x0b\xa0\u3000\u200b\u200c\u200d\ufeff"
        ),
        st.sampled_from(
            "👨👩👧🏽❤\ufe0f🔥🏴\U000e0067\U000e007fe\u0301\u0323ｶﾞﾟ가\u1161\u11a8\u0bc6\u0bbe"
        ),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=20,
)


def check_any_text(text: str, numbers: tuple[int, int], steps: list[str]) -> None:
    result = normalise(text, steps)
    assert len(result.starts) == len(result.ends) == len(result.text)
    assert list(result.starts) == sorted(result.starts)
    assert list(result.ends) == sorted(result.ends)
    assert all(start < end for start, end in zip(result.starts, result.ends, strict=True))
    assert normalise(result.text, steps).text == result.text
    if result.text:
        first, last = sorted(number % len(result.text) for number in numbers)
        back = result.to_original(first, last + 1)
        around = result.to_normalised(*back)
        assert around[0] <= first <= last < around[1]
        assert result.to_original(*around) == back
        check_slice(text, result, back, around, steps)


def check_slice(text, result: Normalised, back, around, steps: list[str]) -> None:
    """The original slice on its own becomes the same characters; joiners look at neighbours."""
    original = text[slice(*back)]
    neighbours = text[max(0, back[0] - 1)] + text[min(len(text) - 1, back[1])]
    if not set("\u200c\u200d\r\n") & set(original + neighbours):
        assert normalise(original, steps).text == result.text[slice(*around)]


KNOWN = st.lists(st.sampled_from(sorted(PIECES)), min_size=1, max_size=12)
NUMBERS = st.tuples(st.integers(0, 60), st.integers(0, 60))


@settings(max_examples=300, deadline=None)
@given(KNOWN, NUMBERS)
def test_known_pieces(pieces, numbers):
    check_known_pieces(pieces, numbers)


@settings(max_examples=300, deadline=None)
@given(ANYTHING, NUMBERS)
def test_any_text(text, numbers):
    check_any_text(text, numbers, WITHOUT_OPENCC)


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None)
@given(KNOWN, NUMBERS)
def test_10_000_texts_of_known_pieces(pieces, numbers):
    check_known_pieces(pieces, numbers)


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None)
@given(ANYTHING, NUMBERS)
def test_10_000_random_texts(text, numbers):
    check_any_text(text, numbers, WITHOUT_OPENCC)


@settings(max_examples=300, deadline=None)
@given(ANYTHING)
def test_every_step_is_idempotent_with_simplified_characters(text):
    pytest.importorskip("opencc")
    once = normalise(text, list(STEPS))
    assert normalise(once.text, list(STEPS)).text == once.text


def test_edits_that_change_nothing_cost_nothing():
    result = normalise("原文")
    assert apply(result, iter(())) is result
