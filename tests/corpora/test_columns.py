"""Tag schemes: what tags of each mean, and the tags of each."""

from __future__ import annotations

import pytest

from xinzhi.corpora.columns import check_scheme, decode, encode, is_tag
from xinzhi.errors import XinzhiError


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("B-A I-A O B-A B-A", [(0, 2, "A"), (3, 4, "A"), (4, 5, "A")]),  # BIO
        ("I-A I-A B-A I-B O", [(0, 2, "A"), (2, 3, "A"), (3, 4, "B")]),  # IOB1
        ("B-A I-A E-A S-B O", [(0, 3, "A"), (3, 4, "B")]),  # BIOES
        ("B-A I-A L-A U-B O", [(0, 3, "A"), (3, 4, "B")]),  # BILOU
        ("B-A M-A E-A S-B S-B", [(0, 3, "A"), (3, 4, "B"), (4, 5, "B")]),  # BMES
        ("I-A E-A E-A O I-B", [(0, 2, "A"), (2, 3, "A"), (4, 5, "B")]),  # IOE2
        ("B-A I-B I-B O", [(0, 1, "A"), (1, 3, "B")]),  # another label begins an entity
        ("E-A O M-A M-A", [(0, 1, "A"), (2, 4, "A")]),  # ends without beginnings
        ("B-A-B I-A-B B_C I_C", [(0, 2, "A-B"), (2, 4, "C")]),
        ("O O", []),
        ("", []),
    ],
)
def test_decode(tags: str, spans: list[tuple[int, int, str]]) -> None:
    assert decode(tags.split()).spans == spans


def test_missing_and_orphans() -> None:
    decoded = decode(["B-A", "-", "O", "_", "I-A"])
    assert (decoded.spans, decoded.missing) == ([(0, 1, "A"), (4, 5, "A")], [1, 3])
    assert (decoded.begins, decoded.orphans) == (1, 1)
    assert decode(["I-A", "B-A"]).begins == 0  # as IOB1 writes neighbours
    with pytest.raises(ValueError, match="B~A"):
        decode(["B~A"])


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("BIO", "B-A I-A I-A B-A O B-B"),
        ("IOB1", "I-A I-A I-A B-A O I-B"),
        ("BIOES", "B-A I-A E-A S-A O S-B"),
        ("BILOU", "B-A I-A L-A U-A O U-B"),
        ("BMES", "B-A M-A E-A S-A O S-B"),
        ("IO", "I-A I-A I-A I-A O I-B"),
    ],
)
def test_encode(scheme: str, tags: str) -> None:
    spans = [(0, 3, "A"), (3, 4, "A"), (5, 6, "B")]
    assert encode(6, spans, scheme) == tags.split()
    if scheme != "IO":
        assert decode(tags.split()).spans == spans


def test_tags_and_schemes() -> None:
    assert all(map(is_tag, ["O", "B-PER", "I_LOC", "S-T.NAM", "-", "_"]))
    assert not any(map(is_tag, ["PER", "B", "B-", "X-PER", "", "的"]))
    with pytest.raises(XinzhiError, match="There is no tag scheme 'BOI'"):
        check_scheme("BOI")
