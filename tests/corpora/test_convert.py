"""Conversion to DocBin: what is stored, what is refused; nothing lost, nothing half-written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin

from xinzhi.corpora import convert as convert_module
from xinzhi.corpora.convert import FAILED_REPORT, REPORT, convert
from xinzhi.corpora.docbin import gold_cats, tokenise
from xinzhi.corpora.record import Record
from xinzhi.errors import XinzhiError

SMARTCITY = Path(__file__).parents[2] / "assets" / "smartcity"


def load(path: Path, lang: str = "zh") -> list[Doc]:
    return list(DocBin().from_disk(path).get_docs(spacy.blank(lang).vocab))


def iob(doc: Doc) -> list[str]:
    return [f"{token.ent_iob_}-{token.ent_type_}".strip("-") for token in doc]


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


BAD_RECORDS = [
    ({"id": "r2", "text": "短", "label": [[0, 2, "A"]]}, "[0, 2, 'A'] is outside the text of 1"),
    ({"id": "r2", "text": "短文", "label": [[-1, 1, "A"]]}, "is outside the text"),
    ({"id": "r2", "text": "短文", "label": [[1, 1, "A"]]}, "the end is exclusive"),
    ({"id": "r2", "text": "短文", "label": [[2, 1, "A"]]}, "ends before it starts"),
    (
        {"id": "r2", "text": "短文本", "label": [[0, 2, "A"], [1, 3, "A"]]},
        "overlapping spans [0, 2, 'A'] and [1, 3, 'A']",
    ),
    (
        {"id": "r2", "text": "短文本", "label": [[1, 2, "A"], [1, 2, "A"]]},
        "overlapping spans [1, 2, 'A'] and [1, 2, 'A']",
    ),
    (
        {"id": "r2", "text": "x", "cats": {"topic": ["a", "b"]}},
        "2 gold values in an exclusive head: 'topic' = a, b",
    ),
    ({"id": "r2", "text": "x", "cats": {"topic": []}}, "an exclusive head needs one label"),
    ({"id": "r2", "text": "x", "cats": {"topic": {"a": 0.5}}}, "an exclusive head needs one label"),
    ({"id": "r2", "text": "x", "cats": {"topic": {"a": 1, "b": 1}}}, "2 gold values"),
    ({"id": "r2", "text": "x", "cats": {"a/b": "c"}}, "the head name 'a/b'"),
    ({"id": "r1", "text": "x"}, "the id is already used at line 1"),
    ({"id": "r2"}, "the text is missing"),
]


@pytest.mark.parametrize(("bad", "fact"), BAD_RECORDS)
def test_bad_record_is_named_and_nothing_is_written(write_jsonl, tmp_path, bad, fact):
    good = {"id": "r1", "text": "好的", "label": [[0, 1, "A"]], "cats": {"topic": "a"}}
    train = write_jsonl("train.jsonl", good, bad)
    message = refusal([train], tmp_path / "out")
    assert f"train.jsonl:2 (record {bad['id']}): " in message
    assert fact in message
    assert "Correct these and convert again" in message
    assert "--allow-unseen" not in message
    assert [path.name for path in (tmp_path / "out").iterdir()] == [FAILED_REPORT]


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
    assert "train.jsonl:1 (record 5): 2 gold values" in refusal([train, dev], tmp_path / "out")


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        (None, "dev.jsonl: no such file"),
        (b"", "dev.jsonl: the file is empty"),
        (b'{"text": "a"}\n{"text": "b"}\n{"text": \n', "dev.jsonl:3: malformed JSON"),
        ("{'text': '智慧'}\n".encode("gb18030"), "dev.jsonl:1: not UTF-8"),
        (b"\xff\xfe{\x00}\x00", "dev.jsonl:1: not UTF-8"),
    ],
)
def test_bad_file(write_jsonl, tmp_path, content, fact):
    train = write_jsonl("train.jsonl", {"text": "好"})
    dev = tmp_path / "dev.jsonl"
    if content is not None:
        dev.write_bytes(content)
    assert fact in refusal([train, dev], tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.spacy"))


def test_damaged_docbin(write_jsonl, tmp_path):
    damaged = tmp_path / "train.spacy"
    damaged.write_bytes(b"not a docbin")
    assert "train.spacy: this is not a DocBin file" in refusal([damaged], tmp_path / "out")


def test_all_problems_come_in_one_message_and_all_are_in_the_report(write_jsonl, tmp_path):
    train = write_jsonl("train.jsonl", *["{"] * 15)
    dev = write_jsonl("dev.jsonl", *[{"id": i, "text": ""} for i in range(10)])
    message = refusal([train, dev], tmp_path / "out")
    assert message.count("malformed JSON") == 15
    assert message.count("the text is empty") == 5
    assert "… and 5 more" in message
    assert str(tmp_path / "out" / FAILED_REPORT) in message
    saved = json.loads((tmp_path / "out" / FAILED_REPORT).read_text(encoding="utf8"))
    assert len(saved["problems"]) == 25
    assert saved["problems"][24] == {
        "file": str(dev),
        "line": 10,
        "record": 9,
        "kind": "error",
        "fact": "the text is empty",
    }
    assert saved["converted"] is False


def test_failure_leaves_earlier_outputs_untouched_and_success_clears_the_failure(
    write_jsonl, tmp_path
):
    out = tmp_path / "输出 目录" / "corpus"
    train = write_jsonl("语 料/train.jsonl", {"id": 1, "text": "好", "label": []})
    dev = write_jsonl("语 料/dev.jsonl", {"id": 1, "text": "坏", "label": []})
    convert([train, dev], out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert set(before) == {"train.spacy", "dev.spacy", REPORT}
    write_jsonl("语 料/dev.jsonl", {"id": 1, "text": "坏", "label": [[0, 9, "A"]]})
    refusal([train, dev], out)
    assert (out / FAILED_REPORT).exists()
    assert {p.name: p.read_bytes() for p in out.iterdir() if p.name != FAILED_REPORT} == before
    write_jsonl("语 料/dev.jsonl", {"id": 1, "text": "改好了", "label": []})
    convert([train, dev], out)
    assert {path.name for path in out.iterdir()} == set(before)
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
    message = refusal([train, dev], tmp_path / "out")
    assert message.count(f"dev.jsonl:2 (record 2): {fact}") == message.count("never occurs") == 1
    assert "--allow-unseen" in message
    report = convert([train, dev], tmp_path / "out", allow_unseen=True)
    assert [fact in str(warning) for warning in report.warnings] == [True]
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
    monkeypatch.setattr(convert_module, "annotate", lambda doc, record, heads: (0, []))
    with pytest.raises(RuntimeError, match=r"Internal error.*1 spans.*0 kept and 0 misaligned"):
        convert([train], tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"train.jsonl"}


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
