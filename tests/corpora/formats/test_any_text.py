"""Any text with any entities comes back from every format that can hold entities or classes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xinzhi.corpora.export import fit, survey, writable_format
from xinzhi.corpora.formats import ReadOptions, WriteOptions, read_records
from xinzhi.corpora.record import Problem, Record

SPECIAL = (
    "青禾市一二，。：“”ＡＢ１ab12 \t\n\r\u3000\u200b\u0301🙂👨‍👩‍👧𠮷\\|[]_;*#\"',{}->\x0b\x1f\u2028"
)
TEXTS = st.text(
    st.one_of(
        st.sampled_from(SPECIAL), st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    ),
    min_size=1,
    max_size=30,
)
LABELS = st.sampled_from(["地点", "PER.NAM", "B-x", "O", "a/b", "x_y", "[1]"])


@st.composite
def records(draw: st.DrawFn) -> Record:
    text = draw(TEXTS)
    spans = set()
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text) - 1))
        spans.add((start, draw(st.integers(start + 1, len(text))), draw(LABELS)))
    cats = {"label": [draw(LABELS)]}
    return Record("id", text, Path("x"), 1, spans=sorted(spans), cats=cats)


@pytest.mark.parametrize(
    "name", ["brat", "cluener", "conll", "csv", "doccano", "fasttext", "jsonl", "label-studio",
             "label-studio-min", "prodigy", "webanno"],
)  # fmt: skip
@given(record=records())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_comes_back(name: str, record: Record) -> None:
    fmt = writable_format(name)
    options = survey([record], WriteOptions(lang="zh"))
    fitting, _ = fit(record, fmt.holds, options)
    lost: list[Problem] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"out{fmt.suffix}")
        fmt.write([fitting], path, options, lost.append)
        items = list(read_records(path, ReadOptions(format=name))) if path.stat().st_size else []
    if any(problem.kind == "error" for problem in lost):
        assert not [item for item in items if isinstance(item, Record)]
        return
    (read,) = items
    assert isinstance(read, Record)
    assert read.text == record.text
    if "cats" in fmt.holds:
        assert read.cats == record.cats
    missing = [span for span in fitting.spans or () if span not in (read.spans or ())]
    assert len(missing) == len(lost), lost  # each one that could not be written is listed
    assert not set(read.spans or ()) - set(fitting.spans or ())
