"""Conversion to DocBin: what is stored, what is refused; nothing lost, nothing half-written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus

from xinzhi.corpora.convert import CHANGES, REPORT, convert
from xinzhi.corpora.docbin import annotate, gold_cats, tokenise
from xinzhi.corpora.formats import read_records
from xinzhi.corpora.inventory import take_inventory
from xinzhi.corpora.reader import create_corpus
from xinzhi.corpora.record import Record
from xinzhi.errors import XinzhiError

SMARTCITY = Path(__file__).parents[2] / "assets" / "smartcity"


def load(path: Path, lang: str = "zh") -> list[Doc]:
    return list(DocBin().from_disk(path).get_docs(spacy.blank(lang).vocab))


def iob(doc: Doc) -> list[str]:
    return [f"{token.ent_iob_}-{token.ent_type_}".strip("-") for token in doc]


def changes(folder: Path) -> list[dict]:
    lines = (folder / CHANGES).read_text(encoding="utf8").splitlines()
    return [json.loads(line) for line in lines]


def refusal(*args, **kwargs) -> str:
    with pytest.raises(XinzhiError) as caught:
        convert(*args, **kwargs)
    return str(caught.value)


# What is stored


def test_annotations_survive_the_docbin(write_jsonl, tmp_path):
    train = write_jsonl(
        "train.jsonl",
        {
            "id": "a",
            "text": "去北京🙂",
            "label": [[1, 3, "地点"]],
            "cats": {"topic": "旅行", "aspect": ["价格"]},
            "scores": {"urgency": 0.5},
            "meta": {"n": [1, {"k": None}]},
        },
        {"id": 2, "text": "好", "label": [], "cats": {"topic": "其他", "aspect": []}},
        {"text": "未标注", "cats": {"aspect": {"服务": 1, "价格": 0.25}}},
    )
    report = convert([train], tmp_path / "out")
    first, second, third = load(tmp_path / "out" / "train.spacy")
    assert iob(first) == ["O", "B-地点", "I-地点", "O"]
    assert first.cats == {
        "topic/旅行": 1.0,
        "topic/其他": 0.0,
        "aspect/价格": 1.0,
        "aspect/服务": 0.0,
    }
    assert first.user_data["scores"] == {"urgency": 0.5}
    assert first.user_data["record"] == {
        "id": "a",
        "source": "train.jsonl",
        "line": 1,
        "meta": {"n": (1, {"k": None})},  # msgpack gives tuples back
    }
    assert iob(second) == ["O"]
    assert second.cats["aspect/价格"] == second.cats["aspect/服务"] == 0.0
    assert "scores" not in second.user_data
    assert iob(third) == ["", "", ""]  # missing, not negative
    assert third.cats == {"aspect/价格": 0.25, "aspect/服务": 1.0}
    assert [(f.documents, f.kept, f.misaligned) for f in report.files] == [(3, 1, 0)]


def test_misaligned_entities_are_missing_and_listed(write_jsonl, tmp_path):
    text = "I like London and Paris."
    spans = [[7, 12, "GPE"], [18, 23, "GPE"]]
    train = write_jsonl("train.jsonl", {"id": "s1", "text": text, "label": spans})
    report = convert([train], tmp_path / "out", lang="en")
    [doc] = load(tmp_path / "out" / "train.spacy", "en")
    assert iob(doc) == ["O", "O", "", "O", "B-GPE", "O"]
    assert doc.user_data["misaligned"] == ((7, 12, "GPE"),)
    [item] = report.misaligned
    assert (item.record, item.line, item.suggestion) == ("s1", 1, (7, 13))
    saved = json.loads((tmp_path / "out" / REPORT).read_text(encoding="utf8"))
    assert saved["misaligned"][0]["suggestion"] == [7, 13]
    [counts] = saved["files"]
    assert counts["entities"] == counts["entities_kept"] + counts["entities_misaligned"] == 2
    assert counts["records"] == counts["documents_out"] == 1


def test_strict_refuses_misaligned_entities(write_jsonl, tmp_path):
    train = write_jsonl(
        "train.jsonl", {"id": "s1", "text": "I like London.", "label": [[7, 12, "G"]]}
    )
    message = refusal([train], tmp_path / "out", lang="en", strict=True)
    assert "train.jsonl:1 (record s1): span [7, 12, 'G'] does not fit" in message
    assert "use [7, 13]" in message
    assert not list((tmp_path / "out").glob("*.spacy"))


def test_gold_cats_gives_every_label_of_annotated_heads_only():
    heads = {"a": ["x", "y/z"], "b": ["p"]}
    assert gold_cats({"a": "y/z"}, heads) == {"a/x": 0.0, "a/y/z": 1.0}
    assert gold_cats({}, heads) == {}


def test_docbin_converts_back_to_the_same_docbin(write_jsonl, tmp_path):
    train = write_jsonl(
        "train.jsonl",
        {"id": 1, "text": " 去 北京 ", "label": [[2, 6, "地点"]], "cats": {"t": "a"}},
        {"id": 2, "text": "无", "cats": {"t": "b"}, "scores": {"s": 1}, "meta": {"k": [1]}},
    )
    convert([train], tmp_path / "one")
    convert([tmp_path / "one" / "train.spacy"], tmp_path / "two")
    for first, second in zip(
        load(tmp_path / "one" / "train.spacy"), load(tmp_path / "two" / "train.spacy"), strict=True
    ):
        assert (first.text, iob(first), first.cats) == (second.text, iob(second), second.cats)
        for doc in (first, second):
            doc.user_data["record"].pop("source")
        assert first.user_data == second.user_data


def test_same_input_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        convert([SMARTCITY / "dev.jsonl"], tmp_path / name)
    one, two = (tmp_path / name / "dev.spacy" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


SURFACES = st.text(
    alphabet=st.one_of(st.sampled_from(" \r\n\u200b\ufeff\u3000\xa0"), st.characters(codec="utf8")),
    min_size=1,
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(SURFACES, min_size=1, max_size=5))
def test_any_text_survives(tmp_path_factory, pieces):
    """Every other piece is an entity; the text comes back exactly, no span is lost."""
    folder = tmp_path_factory.mktemp("any text")
    spans, offset = [], 0
    for i, piece in enumerate(pieces):
        if i % 2 == 0:
            spans.append([offset, offset + len(piece), "X"])
        offset += len(piece)
    line = json.dumps({"text": "".join(pieces), "label": spans})
    (folder / "train.jsonl").write_text(line, encoding="utf8")
    convert([folder / "train.jsonl"], folder / "out")
    [doc] = load(folder / "out" / "train.spacy")
    assert doc.text == "".join(pieces)
    kept = [[ent.start_char, ent.end_char, ent.label_] for ent in doc.ents]
    misaligned = [list(item) for item in doc.user_data.get("misaligned", ())]
    assert sorted(kept + misaligned) == spans


# What is refused


# fact, what is left out (records, spans, heads)
BAD_RECORDS = [
    ({"text": "短", "label": [[0, 2, "A"]]}, "[0, 2, 'A'] is outside the text of 1", (0, 1, 0)),
    ({"text": "短文", "label": [[-1, 1, "A"]]}, "is outside the text", (0, 1, 0)),
    ({"text": "短文", "label": [[1, 1, "A"]]}, "the end is exclusive", (0, 1, 0)),
    ({"text": "短文", "label": [[2, 1, "A"]]}, "ends before it starts", (0, 1, 0)),
    (
        {"text": "短文本", "label": [[0, 2, "A"], [1, 3, "A"]]},
        "overlapping spans [0, 2, 'A'] and [1, 3, 'A']",
        (0, 2, 0),
    ),
    (
        {"text": "x", "cats": {"topic": ["a", "b"]}},
        "2 gold values in an exclusive head: 'topic' = a, b",
        (0, 0, 1),
    ),
    ({"text": "x", "cats": {"topic": []}}, "an exclusive head needs one label", (0, 0, 1)),
    ({"text": "x", "cats": {"topic": {"a": 0.5}}}, "an exclusive head needs", (0, 0, 1)),
    ({"text": "x", "cats": {"topic": {"a": 1, "b": 1}}}, "2 gold values", (0, 0, 1)),
    ({"text": "x", "cats": {"a/b": "c"}}, "the head name 'a/b'", (0, 0, 1)),
    ({}, "the text is missing", (1, 0, 0)),
]


@pytest.mark.parametrize(("bad", "fact", "dropped"), BAD_RECORDS)
def test_bad_record_is_named_and_the_rest_converted(write_jsonl, tmp_path, bad, fact, dropped):
    good = {"id": "r1", "text": "好的", "label": [[0, 1, "A"]], "cats": {"topic": "a"}}
    train = write_jsonl("train.jsonl", good, {"id": "r2", **bad})
    report = convert([train], tmp_path / "out")
    assert not report.complete
    assert "train.jsonl:2 (record r2): " in str(report.errors[0])
    assert fact in str(report.errors[0])
    counts = report.tally.counts
    assert tuple(counts[unit, "dropped"] for unit in ("record", "span", "head")) == dropped
    first, *rest = load(tmp_path / "out" / "train.spacy")
    assert iob(first) == ["B-A", "O"]
    assert len(rest) == 1 - dropped[0]
    if dropped[1]:  # where the entity was meant to be is unknown
        assert "O" not in iob(rest[0])[: 3 if "overlapping" in fact else None]
    listed = [change for change in changes(tmp_path / "out") if change["error"]]
    assert [(c["record"], c["line"], c["outcome"]) for c in listed] == [
        ("r2", 2, "dropped") for _ in range(sum(dropped))
    ]


@pytest.mark.parametrize(("bad", "fact", "dropped"), BAD_RECORDS)
def test_strict_stops_at_the_first_bad_record(write_jsonl, tmp_path, bad, fact, dropped):
    good = {"id": "r1", "text": "好的", "label": [[0, 1, "A"]], "cats": {"topic": "a"}}
    train = write_jsonl("train.jsonl", good, {"id": "r2", **bad}, "{")
    message = refusal([train], tmp_path / "out", strict=True)
    assert "train.jsonl:2 (record r2): " in message
    assert fact in message
    assert "train.jsonl:3" not in message
    assert not (tmp_path / "out").exists()


def test_copies_of_a_span_are_one_span(write_jsonl, tmp_path):
    train = write_jsonl("train.jsonl", {"text": "短文本", "label": [[1, 2, "A"], [1, 2, "A"]]})
    report = convert([train], tmp_path / "out", strict=True)
    assert report.complete
    assert report.tally.reasons["span", "dropped", "copy of another span"] == 1
    assert iob(load(tmp_path / "out" / "train.spacy")[0]) == ["O", "B-A", "O"]


def test_id_used_twice_is_noted(write_jsonl, tmp_path):
    train = write_jsonl("train.jsonl", {"id": "r1", "text": "x"}, {"id": "r1", "text": "y"})
    report = convert([train], tmp_path / "out")
    assert report.complete
    assert [c["reason"] for c in changes(tmp_path / "out")] == ["id used twice"] * 2
    assert len(load(tmp_path / "out" / "train.spacy")) == 2
    assert "the id is used by another record" in refusal([train], tmp_path / "two", strict=True)


def test_dict_with_one_gold_value_fits_an_exclusive_head(write_jsonl, tmp_path):
    train = write_jsonl(
        "train.jsonl",
        {"text": "x", "cats": {"topic": "a"}},
        {"text": "y", "cats": {"topic": {"a": 0, "b": 1}}},
        {"text": "z", "cats": {"topic": ["b"]}},
    )
    convert([train], tmp_path / "out")
    golds = [doc.cats for doc in load(tmp_path / "out" / "train.spacy")]
    assert golds[1] == golds[2] == {"topic/a": 0.0, "topic/b": 1.0}


def test_two_gold_values_are_found_before_the_head_is_known_to_be_exclusive(write_jsonl, tmp_path):
    train = write_jsonl("train.jsonl", {"id": 5, "text": "x", "cats": {"t": ["a", "b"]}})
    dev = write_jsonl("dev.jsonl", {"text": "y", "cats": {"t": "a"}})
    [error] = convert([train, dev], tmp_path / "out").errors
    assert "train.jsonl:1 (record 5): 2 gold values" in str(error)


@pytest.mark.parametrize(
    ("content", "fact", "documents"),
    [
        (b"", "dev.jsonl: the file is empty", 0),
        (b'{"text": "a"}\n{"text": "b"}\n{"text": \n', "dev.jsonl:3: malformed JSON", 2),
        (b"not json at all", "dev.jsonl", 0),
    ],
)
def test_bad_file(write_jsonl, tmp_path, content, fact, documents):
    train = write_jsonl("train.jsonl", {"text": "好"})
    dev = tmp_path / "dev.jsonl"
    dev.write_bytes(content)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "dev.spacy").write_bytes(b"of an earlier conversion")
    report = convert([train, dev], tmp_path / "out")
    assert fact in str(report.errors[0])
    assert [item.documents for item in report.files] == [1, documents]
    assert (tmp_path / "out" / "dev.spacy").exists() is bool(documents)
    with pytest.raises(XinzhiError, match="Nothing was converted"):
        convert([train, dev], tmp_path / "strict", strict=True)


def test_missing_file(write_jsonl, tmp_path):
    train = write_jsonl("train.jsonl", {"text": "好"})
    assert "dev.jsonl: no such file" in refusal([train, tmp_path / "dev.jsonl"], tmp_path / "out")


def test_damaged_docbin(tmp_path):
    damaged = tmp_path / "train.spacy"
    damaged.write_bytes(b"not a docbin")
    assert "train.spacy: this is not a DocBin file" in refusal([damaged], tmp_path / "out")


def test_nothing_to_convert_names_the_first_problems(write_jsonl, tmp_path):
    train = write_jsonl("train.jsonl", *["{"] * 15)
    dev = write_jsonl("dev.jsonl", *[{"id": i, "text": ""} for i in range(10)])
    message = refusal([train, dev], tmp_path / "out")
    assert message.count("malformed JSON") == 15
    assert message.count("the text is empty") == 5
    assert "… and 5 more" in message
    assert not (tmp_path / "out").exists()


def test_nothing_but_what_nobody_has_reviewed_says_so(write_jsonl, tmp_path):
    rows = [{"id": i, "text": "好", "label": [], "model": "m-1"} for i in range(25)]
    message = refusal([write_jsonl("train.jsonl", *rows)], tmp_path / "out")
    assert "predicted by m-1, not reviewed" in message
    assert "… and 5 more" in message


def test_failure_leaves_earlier_outputs_untouched(write_jsonl, tmp_path):
    out = tmp_path / "输出 目录" / "corpus"
    train = write_jsonl("语 料/train.jsonl", {"id": 1, "text": "好", "label": []})
    dev = write_jsonl("语 料/dev.jsonl", {"id": 1, "text": "坏", "label": []})
    convert([train, dev], out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert set(before) == {"train.spacy", "dev.spacy", REPORT, CHANGES}
    write_jsonl("语 料/dev.jsonl", {"id": 1, "text": "坏", "label": [[0, 9, "A"]]})
    refusal([train, dev], out, strict=True)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in out.parent.iterdir()] == ["corpus"]  # no temporary files


def test_interrupted_writing_leaves_nothing(write_jsonl, tmp_path, monkeypatch):
    def disk_full(self, path):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    train = write_jsonl("train.jsonl", {"text": "好"})
    monkeypatch.setattr(DocBin, "to_disk", disk_full)
    message = refusal([train], tmp_path / "out")
    assert "cannot be written: No space left on device" in message
    assert {path.name for path in tmp_path.iterdir()} == {"train.jsonl"}


@pytest.mark.parametrize(
    ("unseen", "fact"),
    [
        ({"label": [[0, 1, "NEW"]]}, "entity label 'NEW' never occurs in train"),
        ({"cats": {"t": "new"}}, "label 'new' of head 't' never occurs in train"),
        ({"cats": {"h": "a"}}, "label 'a' of head 'h' never occurs in train"),
    ],
)
def test_label_that_train_does_not_have(write_jsonl, tmp_path, unseen, fact):
    train = write_jsonl(
        "train.jsonl", {"id": 1, "text": "好", "label": [[0, 1, "OLD"]], "cats": {"t": "old"}}
    )
    dev = write_jsonl("dev.jsonl", {"id": 8, "text": "好"}, *[{"text": "坏", **unseen}] * 2)
    message = refusal([train, dev], tmp_path / "out", strict=True)
    assert f"dev.jsonl:2 (record 2): {fact}" in message
    assert "--allow-unseen" in message
    for allowed in (True, False):
        report = convert([train, dev], tmp_path / "out", allow_unseen=allowed)
        assert [fact in str(warning) for warning in report.warnings] == [True]
        assert report.complete is allowed
    # without a training file there is nothing to compare with
    assert convert([dev], tmp_path / "out").warnings == []


def test_inputs_that_would_overwrite_something(write_jsonl, tmp_path):
    one = write_jsonl("a/train.jsonl", {"text": "x"})
    two = write_jsonl("b/train.jsonl", {"text": "x"})
    assert "Two inputs would be written to" in refusal([one, two], tmp_path / "out")
    assert "the last argument is the output directory" in refusal([one], two)
    convert([one], tmp_path / "out")
    spacy_file = tmp_path / "out" / "train.spacy"
    assert "overwritten by its own conversion" in refusal([spacy_file], tmp_path / "out")


def test_unknown_language(write_jsonl, tmp_path):
    train = write_jsonl("train.jsonl", {"text": "x"})
    assert "spaCy has no language 'klingon'" in refusal([train], tmp_path / "out", lang="klingon")


def test_tokeniser_that_changes_the_text_is_a_problem():
    nlp = spacy.blank("xx")
    nlp.tokenizer = lambda text: Doc(nlp.vocab, words=text.split())
    record = Record(id="k", text="a  b", source=Path("x.jsonl"), line=4)
    assert (
        str(tokenise(nlp, record)) == "x.jsonl:4 (record k): the tokeniser of 'xx' changes the text"
    )


def test_user_data_that_docbin_cannot_store(write_jsonl, tmp_path):
    nested = '{"text": "x", "meta": {"m": ' + "[" * 600 + "]" * 600 + "}}"
    train = write_jsonl("train.jsonl", nested)
    assert "train.jsonl:1 (record 1): the record cannot be stored" in refusal(
        [train], tmp_path / "o"
    )


def test_lost_span_is_an_internal_error(write_jsonl, tmp_path, monkeypatch):
    train = write_jsonl("train.jsonl", {"text": "好", "label": [[0, 1, "A"]]})
    monkeypatch.setattr("xinzhi.corpora.convert.align", lambda tokens, record: ([], []))
    with pytest.raises(RuntimeError, match=r"Internal error.*do not add up"):
        convert([train], tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"train.jsonl"}


# What is repaired, chosen and noted


EMOJI = "🙂我喜欢北京和上海"


@pytest.mark.parametrize(
    ("text", "spans", "options"),
    [
        (EMOJI, [[5, 7, "G"], [8, 10, "G"]], {"fix_offsets": True}),
        (EMOJI, [[5, 7, "G"], [8, 10, "G"]], {"offsets": "utf-16"}),
        (EMOJI, [[13, 19, "G"], [22, 28, "G"]], {"fix_offsets": True}),
        (EMOJI, [[4, 5, "G"], [7, 8, "G"]], {"offsets": "inclusive"}),
        ("🙂我 喜欢 北京 和上海", [[6, 9, "G"], [11, 13, "G"]], {"fix_offsets": True}),
    ],
)
def test_offsets_are_repaired(write_jsonl, tmp_path, text, spans, options):
    train = write_jsonl("train.jsonl", {"id": "a", "text": text, "label": spans})
    report = convert([train], tmp_path / "out", **options)
    [doc] = load(tmp_path / "out" / "train.spacy")
    assert [ent.text for ent in doc.ents] == ["北京", "上海"]
    counts = report.tally.counts
    assert counts["span", "in"] == counts["span", "moved"] + counts["span", "trimmed"] == 2
    assert [(c["record"], c["outcome"], c["span"]) for c in changes(tmp_path / "out")] == [
        ("a", "moved" if c["reason"].startswith("offsets") else "trimmed", span)
        for c, span in zip(changes(tmp_path / "out"), spans, strict=True)
    ]


def test_white_space_is_trimmed(write_jsonl, tmp_path):
    train = write_jsonl("train.jsonl", {"text": "去 北京\u200b，好", "label": [[1, 5, "G"]]})
    report = convert([train], tmp_path / "out", fix_offsets=True)
    assert [doc.ents[0].text for doc in load(tmp_path / "out" / "train.spacy")] == ["北京"]
    assert report.tally.counts["span", "trimmed"] == 1
    [change] = changes(tmp_path / "out")
    assert (change["span"], change["to"]) == ([1, 5, "G"], [2, 4, "G"])


def test_offsets_that_look_like_another_unit_are_said(write_jsonl, tmp_path):
    lines = [{"text": EMOJI, "label": [[5, 7, "G"], [8, 10, "G"]]}] * 3
    report = convert([write_jsonl("train.jsonl", *lines)], tmp_path / "out")
    assert str(report.files[0].found.offsets.best()) == "utf-16"


OVERLAPPING = {"id": "o", "text": "北京大学医院东门", "label": [[0, 4, "机构"], [2, 6, "医院"]]}


@pytest.mark.parametrize(
    ("options", "tags", "outcome"),
    [
        ({"overlap": "longest"}, ["B-机构", *["I-机构"] * 3, "", "", "O", "O"], "dropped"),
        (
            {"overlap": "priority", "priority": ["医院"]},
            ["", "", "B-医院", *["I-医院"] * 3, "O", "O"],
            "dropped",
        ),
        ({"overlap": "spans"}, ["B-机构", *["I-机构"] * 3, "O", "O", "O", "O"], "moved"),
        ({}, [*[""] * 6, "O", "O"], "dropped"),
    ],
)
def test_overlap_policies(write_jsonl, tmp_path, options, tags, outcome):
    report = convert([write_jsonl("train.jsonl", OVERLAPPING)], tmp_path / "out", **options)
    [doc] = load(tmp_path / "out" / "train.spacy")
    assert iob(doc) == tags
    assert report.complete is bool(options)
    assert report.tally.counts["span", outcome] == (1 if options else 2)
    group = {(s.start_char, s.end_char, s.label_) for s in doc.spans.get("sc", ())}
    spans = {tuple(span) for span in OVERLAPPING["label"]}
    assert group == (spans if options.get("overlap") == "spans" else set())


def test_spans_outside_a_group_are_in_it_too(write_jsonl, tmp_path):
    train = write_jsonl("train.jsonl", {"text": "去北京", "label": [[1, 3, "G"]]})
    convert([train], tmp_path / "out", overlap="spans")
    [doc] = load(tmp_path / "out" / "train.spacy")
    assert [s.text for s in doc.spans["sc"]] == [e.text for e in doc.ents] == ["北京"]


def test_normalised_texts_keep_the_way_back(write_jsonl, tmp_path):
    text = "去\u200b北\u200b京ＡＢＣ，好"
    train = write_jsonl("train.jsonl", {"id": 7, "text": text, "label": [[1, 5, "G"], [5, 8, "X"]]})
    report = convert([train], tmp_path / "out", steps=["zero-width", "width"])
    [doc] = load(tmp_path / "out" / "train.spacy")
    assert doc.text == "去北京ABC，好"
    assert [ent.text for ent in doc.ents] == ["北京", "ABC"]
    assert report.tally.counts["span", "kept"] == 2
    [record] = read_records(tmp_path / "out" / "train.spacy")
    assert (record.text, record.spans) == (text, [(2, 5, "G"), (5, 8, "X")])


def test_a_text_of_which_nothing_is_left(write_jsonl, tmp_path):
    train = write_jsonl("train.jsonl", {"text": "好"}, {"id": 9, "text": "\u200b", "label": []})
    report = convert([train], tmp_path / "out", steps=["zero-width"])
    assert [str(error) for error in report.errors] == [
        f"{train}:2 (record 9): nothing is left of the text after normalisation"
    ]


def test_repeated_texts_and_lost_characters_are_noted_and_kept(write_jsonl, tmp_path):
    train = write_jsonl(
        "train.jsonl",
        {"id": "a", "text": "去北京", "label": [[1, 3, "G"]]},
        {"id": "b", "text": "去北京", "label": []},
        {"id": "c", "text": "浑\ufffd\ufffd身", "label": []},
        {"id": "d", "text": "好"},
        {"id": "e", "text": "好", "label": []},
    )
    report = convert([train], tmp_path / "out", strict=True)
    assert len(load(tmp_path / "out" / "train.spacy")) == 5
    notes = {c["record"]: c["reason"] for c in changes(tmp_path / "out")}
    assert notes == {
        "a": "conflicting annotations",
        "b": "conflicting annotations",
        "c": "U+FFFD",
        "d": "repeated text",
        "e": "repeated text",
    }
    assert report.to_dict()["conflicting_texts"] == 1


def test_what_a_format_cannot_hold_is_reported(tmp_path, monkeypatch):
    record = Record("x", "去北京和上海", Path("x"), 1, [(1, 3, "G")], lost=["a discontinuous span"])

    def read(path, options):
        yield record

    for module in ("convert", "inventory"):
        monkeypatch.setattr(f"xinzhi.corpora.{module}.read_records", read)
    (tmp_path / "train.jsonl").touch()
    report = convert([tmp_path / "train.jsonl"], tmp_path / "out")
    counts = report.tally.counts
    assert [counts["span", name] for name in ("in", "kept", "dropped")] == [2, 1, 1]
    [doc] = load(tmp_path / "out" / "train.spacy")
    assert iob(doc) == ["", "B-G", "I-G", "", "", ""]


# Shards


@pytest.mark.parametrize("overlap", ["error", "spans"])
def test_a_folder_of_shards_reads_back_identically(write_jsonl, tmp_path, overlap):
    lines = [
        {"id": i, "text": f"第{i}次去 北京！\n", "label": [[len(str(i)) + 4, len(str(i)) + 6, "G"]]}
        for i in range(25)
    ]
    train = write_jsonl("train.jsonl", *lines)
    one = convert([train], tmp_path / "one", overlap=overlap)
    many = convert([train], tmp_path / "many", shard_size=10, overlap=overlap)
    assert [one.files[0].shards, many.files[0].shards] == [1, 3]
    single, folder = (tmp_path / name / "train.spacy" for name in ("one", "many"))
    assert [path.name for path in sorted(folder.iterdir())] == [
        "00001.spacy",
        "00002.spacy",
        "00003.spacy",
    ]
    nlp = spacy.blank("zh")
    for reader in (Corpus, lambda path: create_corpus({"a": {"path": str(path)}})):
        first, second = (list(reader(path)(nlp)) for path in (single, folder))
        assert len(first) == 25
        for one_example, other in zip(first, second, strict=True):
            assert one_example.reference.to_bytes() == other.reference.to_bytes()
    strip = {"source": None, "line": None}
    records = [
        [{**vars(record), **strip} for record in read_records(path)] for path in (single, folder)
    ]
    assert records[0] == records[1]


def test_one_file_takes_the_place_of_a_folder_and_back(write_jsonl, tmp_path):
    train = write_jsonl("train.jsonl", *[{"text": f"第{i}"} for i in range(4)])
    out = tmp_path / "out" / "train.spacy"
    for size, is_folder in ((3, True), (9, False), (2, True), (1, True)):
        convert([train], tmp_path / "out", shard_size=size)
        assert out.is_dir() is is_folder
        assert len(list(Corpus(out)(spacy.blank("zh")))) == 4


def test_arrays_make_the_docs_that_spacy_makes(tmp_path):
    """The same bytes of every Doc as by way of Docs, over the bundled corpus."""
    source = SMARTCITY / "dev.jsonl"
    convert([source], tmp_path)
    inventory = take_inventory([source])
    nlp = spacy.blank("zh")
    for record, doc in zip(read_records(source), load(tmp_path / "dev.spacy"), strict=True):
        expected = tokenise(nlp, record)
        annotate(expected, record, inventory.heads)
        for name in ("ents", "cats", "has_unknown_spaces"):
            assert str(getattr(doc, name)) == str(getattr(expected, name))
        assert iob(doc) == iob(expected)
        assert doc.has_annotation("SENT_START") is expected.has_annotation("SENT_START")
        first, second = (
            {token.orth_: (token.whitespace_, token.tag_, token.dep_) for token in d}
            for d in (doc, expected)
        )
        assert first == second


# The bundled corpus


@pytest.fixture(scope="module")
def smartcity(tmp_path_factory):
    out = tmp_path_factory.mktemp("smartcity")
    report = convert([SMARTCITY / f"{name}.jsonl" for name in ("train", "dev", "test")], out)
    return report, out


def test_smartcity_counts_are_those_of_the_data_card(smartcity):
    report, _ = smartcity
    card: dict[str, list[int]] = {}
    for line in (SMARTCITY / "README.md").read_text(encoding="utf8").splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if line.startswith("|") and cells[3].replace(" / ", "").isdigit():
            card[cells[1]] = [int(count) for count in cells[3].split(" / ")]
    assert len(card) == 7
    assert [item.documents for item in report.files] == [1120, 240, 240]
    found = [item.found.to_dict() for item in report.files]
    assert {label: [f["entity_labels"][label] for f in found] for label in card} == card
    assert [item.kept for item in report.files] == [
        sum(col) for col in zip(*card.values(), strict=True)
    ]
    assert report.misaligned == []
    assert {head: len(found[0]["head_labels"][head]) for head in found[0]["head_labels"]} == {
        "topic": 5,
        "sentiment": 3,
    }


@pytest.mark.parametrize("name", ["train", "dev", "test"])
def test_smartcity_comes_back_exactly(smartcity, name):
    _, out = smartcity
    lines = (SMARTCITY / f"{name}.jsonl").read_text(encoding="utf8").splitlines()
    for line, doc in zip(lines, load(out / f"{name}.spacy"), strict=True):
        gold = json.loads(line)
        assert doc.text == gold["text"]
        assert [[e.start_char, e.end_char, e.label_] for e in doc.ents] == sorted(gold["label"])
        assert all(token.ent_iob_ for token in doc)  # nothing missing
        positive = {key for key, value in doc.cats.items() if value == 1.0}
        assert positive == {f"{head}/{label}" for head, label in gold["cats"].items()}
        assert len(doc.cats) == 8
        assert doc.user_data["record"]["id"] == gold["id"]
        assert doc.user_data["record"]["meta"] == gold["meta"]
