"""Bad input of every kind: what is good is read, what is bad is listed, and reading never ends."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from xinzhi.corpora.formats import FORMATS, ReadOptions, read_records
from xinzhi.corpora.formats import _text as text_module
from xinzhi.corpora.record import Problem, Record

GOOD = '{"id": %d, "text": "第%d条：青禾市🙂", "label": [[4, 7, "地点"]]}'


def read(path: Path, options: ReadOptions | None = None) -> tuple[list[Record], list[Problem]]:
    items = list(read_records(path, options or ReadOptions()))
    return (
        [item for item in items if isinstance(item, Record)],
        [item for item in items if isinstance(item, Problem)],
    )


def fifty() -> list[str]:
    return [GOOD % (number, number) for number in range(1, 51)]


def test_bad_json_line_17_of_50(tmp_path: Path) -> None:
    lines = fifty()
    lines[16] = lines[16][:-2]
    path = tmp_path / "bad.jsonl"
    path.write_text("\n".join(lines), encoding="utf8")
    records, (problem,) = read(path)
    assert [record.line for record in records] == [*range(1, 17), *range(18, 51)]
    assert str(problem).startswith(f"{path}:17: malformed JSON: ")
    assert problem.kind == "error"


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("damage", ['"text": }', '"text": "open}', "{{"])
def test_a_broken_object_in_an_array_costs_only_itself(
    tmp_path: Path, indent: int | None, damage: str
) -> None:
    objects = [
        {"id": n, "text": f"第{n}条", "entities": [{"start": 0, "end": 1, "label": "A"}]}
        for n in range(1, 11)
    ]
    texts = [json.dumps(item, ensure_ascii=False, indent=indent) for item in objects]
    texts[4] = texts[4].replace('"text"', damage, 1)
    path = tmp_path / "bad.json"
    path.write_text("[\n" + ",\n".join(texts) + "\n]\n", encoding="utf8")
    records, problems = read(path)
    assert [record.id for record in records] == [1, 2, 3, 4, 6, 7, 8, 9, 10]
    lines = [2 + sum(text.count("\n") + 1 for text in texts[:count]) for count in (4, 5)]
    assert problems[0].line == lines[0]  # what else is listed is what remains of that object
    assert all(p.kind == "error" and lines[0] <= (p.line or 0) < lines[1] for p in problems)


def test_an_array_that_is_cut_off(tmp_path: Path) -> None:
    whole = json.dumps([json.loads(line) for line in fifty()], ensure_ascii=False)
    path = tmp_path / "cut.json"
    path.write_bytes(whole.encode("utf8")[: len(whole.encode("utf8")) // 2])
    records, problems = read(path)
    assert 20 <= len(records) < 30
    assert [p.kind for p in problems] == ["error"]
    assert "not closed" in problems[0].fact
    path.write_text("[" + GOOD % (1, 1), encoding="utf8")  # between two objects
    records, problems = read(path)
    assert len(records) == 1
    assert "cut off" in problems[0].fact


def test_what_is_no_object_in_an_array_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "mixed.json"
    path.write_text(f"[\n{GOOD % (1, 1)},\n42,\n[1, 2],\n{GOOD % (2, 2)}\n]", encoding="utf8")
    records, problems = read(path)
    assert [record.id for record in records] == [1, 2]
    assert [problem.line for problem in problems] == [3, 4]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "gb18030"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings_byte_order_marks_and_line_ends(tmp_path: Path, encoding: str, end: str) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(end.join(fifty()).encode(encoding))
    records, problems = read(path)
    assert [record.text for record in records] == [f"第{n}条：青禾市🙂" for n in range(1, 51)]
    assert [record.line for record in records] == list(range(1, 51))
    assert [problem.kind for problem in problems] == ([] if encoding == "utf-8-sig" else ["note"])
    array = tmp_path / "array.json"
    array.write_bytes(f"[{end}{f',{end}'.join(fifty())}{end}]".encode(encoding))
    assert [(r.text, r.line - 1) for r in read(array)[0]] == [(r.text, r.line) for r in records]


def test_single_lines_in_another_encoding_are_listed(tmp_path: Path) -> None:
    lines = [line.encode("utf8") for line in fifty()]
    lines[9] = fifty()[9].encode("gb18030")
    lines[19] = lines[19][:-20] + b"\xff" + lines[19][-20:]
    path = tmp_path / "mixed.jsonl"
    path.write_bytes(b"\n".join(lines))
    records, problems = read(path)
    assert len(records) == 48
    assert [problem.line for problem in problems] == [10, 20]
    assert "not UTF-8" in problems[0].fact
    array = tmp_path / "mixed.json"
    array.write_bytes(b"[\n" + b",\n".join(lines) + b"\n]")
    records, problems = read(array)
    assert len(records) == 48
    assert [problem.line for problem in problems] == [11, 21]


def test_latin_1_is_not_taken_for_chinese(tmp_path: Path) -> None:
    path = tmp_path / "latin.jsonl"
    lines = ['{"text": "café élève", "label": "a"}', '{"text": "garçon", "label": "b"}']
    path.write_bytes("\n".join(lines).encode("latin-1"))
    records, problems = read(path)
    assert records == []
    assert [problem.line for problem in problems] == [1, 2]
    records, problems = read(path, ReadOptions(encoding="latin-1"))
    assert [record.text for record in records] == ["café élève", "garçon"]
    assert problems == []


@pytest.mark.parametrize("name", sorted(FORMATS.get_all()))
@pytest.mark.parametrize("content", [b"", b"\n\n", b"\x00\x01\x02\xff" * 9, b"\xff\xfe"])
def test_no_format_breaks_on_files_without_sense(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    records, problems = read(path, ReadOptions(format=name))
    assert records == []
    assert len([problem for problem in problems if problem.kind == "error"]) <= 2


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "tsv", "conll", "spacy", "xlsx", "txt", "json"])
def test_an_empty_file_says_so(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"empty.{suffix}"
    path.write_bytes(b"")
    records, (problem,) = read(path)
    assert (records, problem.fact) == ([], "the file is empty")


def test_every_prefix_of_a_file_is_read_without_an_exception(tmp_path: Path) -> None:
    data = Path(__file__).parents[2] / "data" / "formats"
    for source in sorted(data.iterdir()):
        if source.is_dir():
            continue
        content = source.read_bytes()
        for size in range(1, len(content), max(1, len(content) // 12)):
            path = tmp_path / source.name
            path.write_bytes(content[:size])
            for item in read_records(path):
                assert isinstance(item, Record | Problem)


def test_endless_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_module, "MAX_LINE", 10_000)
    path = tmp_path / "long.jsonl"
    long = '{"text": "' + "长" * 20_000 + '"}'
    path.write_text("\n".join([GOOD % (1, 1), long, GOOD % (3, 3)]), encoding="utf8")
    records, (problem,) = read(path)
    assert [record.line for record in records] == [1, 3]
    assert str(problem).startswith(f"{path}:2: 60,013 bytes without an end")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "conll"])
def test_a_line_of_200_megabytes(tmp_path: Path, kind: str) -> None:
    starts = {
        "jsonl": GOOD % (1, 1) + '\n{"text": "',
        "json": "[\n" + GOOD % (1, 1) + ',\n{"text": "',
        "csv": "text,label\n好,pos\n",
        "conll": "好\tO\n\n",
    }
    ends = {
        "jsonl": '"}\n' + GOOD % (3, 3) + "\n",
        "json": '"},\n' + GOOD % (3, 3) + "\n]",
        "csv": "\n坏,neg\n",
        "conll": "\n\n坏\tO\n",
    }
    path = tmp_path / f"long.{kind}"
    with path.open("w", encoding="utf8") as file:
        file.write(starts[kind])
        for _ in range(200):
            file.write("a" * 1_000_000)
        file.write(ends[kind])
    tracemalloc.start()
    records, problems = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(records) == 2
    assert [problem.kind for problem in problems] == ["error"]
    assert peak < 150e6


def test_a_folder_of_mixed_formats(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(GOOD % (1, 1), encoding="utf8")
    (tmp_path / "b.csv").write_text("text,label\n好,pos\n坏\n", encoding="utf8")
    (tmp_path / "c.conll").write_text("好\tO\n", encoding="utf8")
    (tmp_path / "d.bin").write_bytes(b"\x00\x01" * 40)
    (tmp_path / "e.jsonl").write_bytes(b"")
    (tmp_path / "README.md").write_text("# notes", encoding="utf8")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "f.txt").write_text("甲乙", encoding="utf8")
    (tmp_path / "sub" / "f.ann").write_text("T1\tX 0 1\t甲\n", encoding="utf8")
    records, problems = read(tmp_path)
    assert [record.source.name for record in records] == ["a.jsonl", "b.csv", "c.conll", "f.txt"]
    found = [(problem.source.name, problem.line, problem.kind) for problem in problems]
    assert found == [
        ("README.md", None, "skipped"),
        ("b.csv", 3, "error"),
        ("d.bin", None, "error"),
        ("e.jsonl", None, "error"),
    ]
    assert "not recognised" in problems[2].fact


def test_a_quote_that_is_never_closed_costs_one_row(tmp_path: Path) -> None:
    path = tmp_path / "quotes.csv"
    path.write_text('text,label\n"好,pos\n坏,neg\n"a\nb",pos\n一般,neu\n', encoding="utf8")
    records, (problem,) = read(path)
    assert [(record.text, record.line) for record in records] == [
        ("坏", 3),
        ("a\nb", 4),
        ("一般", 6),
    ]
    assert problem.line == 2


def test_a_bad_line_of_columns_costs_its_sentence(tmp_path: Path) -> None:
    path = tmp_path / "bad.conll"
    lines = ["青 B-LOC", "禾 I-LOC", "", "坏", "的 O", "", "好 O", "", "错 B~X", "", *["好 O"] * 20]
    path.write_text("\n".join(lines), encoding="utf8")
    records, problems = read(path)
    assert [record.line for record in records] == [1, 7, 11]
    assert [problem.line for problem in problems] == [4, 9]


def test_brat_without_its_text_and_with_bad_lines(tmp_path: Path) -> None:
    (tmp_path / "lonely.ann").write_text("T1\tX 0 1\t甲\n", encoding="utf8")
    _, (problem,) = read(tmp_path / "lonely.ann")
    assert "there is no lonely.txt" in problem.fact
    (tmp_path / "bad.txt").write_text("甲乙", encoding="utf8")
    (tmp_path / "bad.ann").write_text("T1\tX 0 1\t甲\nT2 X 1\nQ\n", encoding="utf8")
    records, (problem,) = read(tmp_path / "bad.txt")
    assert records == []
    assert (problem.source.name, problem.line, problem.record_id) == ("bad.ann", 2, "bad")
    assert problem.fact.endswith("(and 1 more such lines)")
