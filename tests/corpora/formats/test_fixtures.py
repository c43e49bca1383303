"""What each format's sample files say, found and read without being told their format."""

from __future__ import annotations

from pathlib import Path

import pytest

from xinzhi.corpora.formats import FORMATS, ReadOptions, detect_format, known_formats, read_records
from xinzhi.corpora.record import Problem, Record

DATA = Path(__file__).parents[2] / "data" / "formats"
FIXTURES = {
    "jsonl.jsonl": "jsonl",
    "jsonl_classes.jsonl": "jsonl",
    "jsonl_array.json": "jsonl",
    "doccano_old.jsonl": "doccano",
    "doccano_new.jsonl": "doccano",
    "doccano_classes.jsonl": "doccano",
    "doccano_intent.jsonl": "doccano",
    "label_studio.json": "label-studio",
    "label_studio_completions.json": "label-studio",
    "label_studio_min.json": "label-studio-min",
    "prodigy.jsonl": "prodigy",
    "brat/doc1.txt": "brat",
    "brat/doc1.ann": "brat",
    "bio.conll": "conll",
    "bmes.txt": "conll",
    "bioes_tab.tsv": "conll",
    "iob1_tag_first.txt": "conll",
    "weibo_digits.conll": "conll",
    "sentences.iob": "iob",
    "webanno/tsv33.tsv": "webanno",
    "spacy_v2.json": "spacy-json",
    "table.csv": "csv",
    "table.tsv": "csv",
    "table_gb18030.csv": "csv",
    "cluener.json": "cluener",
    "fasttext.txt": "fasttext",
}


def read(name: str, options: ReadOptions | None = None) -> tuple[list[Record], list[Problem]]:
    items = list(read_records(DATA / name, options or ReadOptions()))
    return (
        [item for item in items if isinstance(item, Record)],
        [item for item in items if isinstance(item, Problem)],
    )


def words(record: Record) -> list[tuple[str, str]]:
    return [(record.text[start:end], label) for start, end, label in record.spans or ()]


@pytest.mark.parametrize(("name", "expected"), FIXTURES.items())
def test_detected(name: str, expected: str) -> None:
    assert detect_format(DATA / name).name == expected
    assert read(name) == read(name, ReadOptions(format=expected))


def test_every_format_has_a_fixture() -> None:
    made_in_tests = {"docbin", "excel"}
    assert set(FIXTURES.values()) | made_in_tests == set(FORMATS.get_all())
    files = {path.relative_to(DATA).as_posix() for path in DATA.rglob("*") if path.is_file()}
    assert files - set(FIXTURES) == {"brat/annotation.conf", "brat/doc2.ann", "brat/doc2.txt"}
    assert known_formats()["conll"].help


def test_jsonl() -> None:
    (one, two, three, four), problems = read("jsonl.jsonl")
    assert problems == []
    assert (one.id, one.line, one.meta) == ("j1", 1, {"genre": "news"})
    assert words(one) == [("青禾市", "地点"), ("一网通办", "服务")]
    assert (one.cats, one.scores) == ({"topic": "政务"}, {"urgency": 0.2})
    assert one.tasks == ["entities", "cats/topic", "scores/urgency"]
    assert (two.spans, three.spans, three.tasks) == ([], None, [])
    assert words(four) == [("阿司匹林", "药")]
    assert four.surfaces == {(0, 4, "药"): "阿司匹林"}


def test_jsonl_classes_and_arrays() -> None:
    (one, two), _ = read("jsonl_classes.jsonl")
    assert (one.cats, two.cats, one.spans) == ({"label": "negative"}, {"label": "positive"}, None)
    (one, two), _ = read("jsonl_classes.jsonl", ReadOptions(heads={"label": "sentiment"}))
    assert one.cats == {"sentiment": "negative"}
    (one, two), _ = read("jsonl_array.json")
    assert (one.line, two.line) == (2, 3)
    assert words(one) == [("上海", "地点")]
    assert two.spans == []


def test_doccano_old_keys() -> None:
    (one, two), problems = read("doccano_old.jsonl")
    assert problems == []
    assert words(one) == [("青禾市", "地点"), ("张三", "人名")]
    assert (one.annotator, one.meta) == ("admin", {"batch": 3})
    assert (two.spans, two.annotator) == ([], None)


def test_doccano_new_keys() -> None:
    (one, two), _ = read("doccano_new.jsonl")
    assert (one.id, words(one)) == (7, [("小米12S", "商品"), ("冷杉绿", "颜色")])
    assert (one.relations, one.meta, one.ignored) == (1, {"shop": "A3"}, [])
    assert (two.spans, two.ignored) == ([], ["Comments"])


def test_doccano_classes_and_intents() -> None:
    records, _ = read("doccano_classes.jsonl")
    assert [record.spans for record in records] == [None, None, None]
    assert [r.cats["label"] for r in records] == [["negative"], [], ["positive", "speed"]]
    (record,), _ = read("doccano_intent.jsonl")
    assert words(record) == [("明天", "时间"), ("北京", "地点")]
    assert record.cats == {"label": ["天气"]}


def test_label_studio() -> None:
    (done, new), (cancelled,) = read("label_studio.json")
    assert (done.id, done.line, done.annotator) == ("5-51", 1, "li@example.org")
    assert words(done) == [("贝尔公司", "组织"), ("P-59🛩战斗机", "武器")]
    assert set(done.surfaces.values()) == {"贝尔公司", "P-59🛩战斗机"}
    assert (done.cats, done.relations, done.meta) == ({"topic": ["军事"]}, 1, {"source": "wiki"})
    assert done.lost == ["a result of the type 'rectanglelabels' ('box')"]
    assert (new.id, new.line, new.tasks, new.ignored) == (6, 9, [], ["predictions"])
    assert (cancelled.kind, cancelled.record_id) == ("skipped", "5-52")


def test_label_studio_before_1_0() -> None:
    (record,), _ = read("label_studio_completions.json")
    assert (record.id, record.text, record.meta) == (3, "甘油、水", {"title": "配料"})
    assert words(record) == [("甘油", "成分")]


def test_label_studio_min() -> None:
    (one, two), _ = read("label_studio_min.json")
    assert (one.id, one.text, one.annotator) == (864, "位置好，早餐一般🥐", "1")
    assert one.cats == {"位置": "好评", "方面": ["早餐", "位置"]}
    assert (one.scores, one.meta) == ({"星级": 4.0}, {"hotel": "青禾大酒店", "rating": 8.5})
    assert words(one) == [("早餐", "设施")]
    assert (two.spans, two.cats) == ([], {"位置": "差评"})


def test_prodigy_honours_the_answers() -> None:
    (manual, binary, choice), (rejected, ignored) = read("prodigy.jsonl")
    assert words(manual) == [("Uber", "ORG"), ("青禾", "GPE")]
    assert (manual.annotator, manual.meta) == ("db-wang", {"source": "news"})
    assert words(binary) == [("张三", "PER")]
    assert [binary.text[a:b] for a, b in binary.unknown] == ["只问", "一个"]
    assert (choice.cats, choice.spans) == ({"label": "pos"}, None)
    assert {rejected.kind, ignored.kind} == {"skipped"}
    assert [rejected.line, ignored.line] == [2, 3]


def test_brat() -> None:
    (one, two), (config,) = read("brat")
    assert (one.id, two.id, two.spans) == ("doc1", "doc2", [])
    assert words(one) == [
        ("青禾市政府", "Org"),
        ("一网通办", "Service"),
        ("李明", "Per"),
        ("张伟和\n王芳出席", "Clause"),  # in two pieces only because of the line break
    ]
    (lost,) = one.lost
    assert "doc1.ann:4: discontinuous span 'Group' 23 25;27 29 (张伟 王芳)" in lost
    assert [one.text[a:b] for a, b in one.unknown] == ["张伟", "王芳"]
    assert (one.relations, one.ignored) == (2, ["attributes", "notes"])
    assert (config.source.name, config.kind) == ("annotation.conf", "skipped")


def test_columns() -> None:
    (one, two), problems = read("bio.conll")
    assert problems == []
    assert (one.text, one.line) == ("EU rejects German call .", 3)
    assert words(one) == [("EU", "ORG"), ("German", "MISC")]
    assert words(two) == [("Peter Blackburn", "PER")]
    (one, two), _ = read("bmes.txt")
    assert (one.text, words(one)) == ("青禾浦江🙂", [("青禾", "GPE"), ("浦", "LOC")])
    assert words(two) == [("张小明", "PER")]
    (one, two), _ = read("bioes_tab.tsv")
    assert (one.text, words(one)) == ("New York is big", [("New York", "LOC")])
    assert (two.text, words(two)) == ("青禾市", [("青禾市", "LOC")])
    (one,), problems = read("iob1_tag_first.txt")
    assert words(one) == [("青禾", "LOC"), ("海", "LOC"), ("张", "PER")]
    assert problems == []
    (one,), _ = read("weibo_digits.conll")
    assert (one.text, words(one)) == ("口腔张三", [("张三", "PER.NAM")])
    (one, two), _ = read("sentences.iob")
    assert words(one) == [("London", "GPE"), ("New York City", "GPE")]
    assert words(two) == [("Paul", "PER")]


def test_webanno() -> None:
    (record,), problems = read("webanno/tsv33.tsv")
    assert problems == []
    assert (record.id, record.text) == ("tsv33", "我爱😊青禾市 . 李明 Ms. Haag")
    assert words(record) == [
        ("😊", "Mark"),
        ("青禾市", "LOC"),
        ("青禾", "ORG_x"),
        ("李明", "PER"),
        ("Ms. Haag", "PER"),
        ("Ha", "PART"),
    ]
    assert record.relations == 1
    assert record.ignored == ["de.tudarmstadt.ukp.dkpro.core.api.lexmorph.type.pos.POS"]


def test_spacy_v2_json() -> None:
    (one, two), _ = read("spacy_v2.json")
    assert (one.id, one.text) == ("42.0", 'He said "Oct. 19" in Chicago.')
    assert words(one) == [("Oct. 19", "DATE"), ("Chicago", "GPE")]
    assert [one.text[a:b] for a, b in one.unknown] == ["in"]
    assert one.cats == {"cats": {"news": 1.0}, "tone": {"calm": 0.25}}
    assert (two.text, two.spans) == ("青禾 \n真好", None)


def test_tables() -> None:
    (one, two), problems = read("table.csv")
    assert problems == []
    assert (one.text, one.line) == ('很好, "真的"🙂\r\n第二行', 2)
    assert (one.cats, one.ignored) == ({"label": "positive"}, ["编号"])
    assert (two.text, two.line) == ("不行", 4)
    (one, _), _ = read("table.tsv")
    assert one.text == '"好评" 不错'
    options = ReadOptions(heads={"label": "sentiment"}, scores={"score": "stars"})
    (one, _), (note,) = read("table_gb18030.csv", options)
    assert (one.text, one.cats, one.scores) == (
        "外卖很快，味道不错",
        {"sentiment": "1"},
        {"stars": 4.5},
    )
    assert (note.kind, note.fact) == ("note", "read as GB18030")


def test_cluener_and_fasttext() -> None:
    (one, two), _ = read("cluener.json")
    assert words(one) == [("浙商银行", "company"), ("叶老桂", "name")]
    assert one.surfaces == {(0, 4, "company"): "浙商银行", (5, 8, "name"): "叶老桂"}
    assert two.spans == []
    (one, two), _ = read("fasttext.txt")
    assert (one.text, one.cats) == ("国足赢了⚽", {"label": ["体育", "足球"]})
    assert two.cats == {"label": ["财经"]}
