"""The two READMEs: they open with the two commands, say the same, and their code runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
READMES = ("README.md", "README.zh.md")
GENERATED = re.compile("<!-- WEASEL: .* START.*?<!-- WEASEL: .* END [^>]*>", re.DOTALL)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf8")


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```", read(name))


@pytest.mark.parametrize("name", READMES)
def test_opens_with_the_two_commands(name: str) -> None:
    lines = read(name).splitlines()
    assert lines[0] == "# xinzhi"
    assert [line.split("#")[0].strip() for line in lines[2:6]] == [
        "```bash",
        "make demo",
        "make test",
        "```",
    ]


def test_same_sections_and_the_same_code() -> None:
    shapes = []
    for name in READMES:
        text = GENERATED.sub("", read(name))
        code = re.findall(r"(?ms)^```(\w+)\n(.*?)^```", text)
        text = re.sub(r"(?ms)^```.*?^```", "", text)
        headings = [len(marks) for marks in re.findall(r"(?m)^(#+) ", text)]
        shapes.append((headings, text.count("\n| "), text.count("\n- "), code[1:]))
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("name", READMES)
def test_links_and_commands_exist(name: str) -> None:
    text = read(name)
    for target in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert (ROOT / target).exists(), target
    for target in re.findall(r"python (scripts/\w+\.py)", text):
        assert (ROOT / target).is_file(), target
    makefile = read("Makefile")
    for target in re.findall(r"make (\w+)  ", text):
        assert f"\n{target}:" in makefile
    assert "<!-- results:start -->" in text
    assert "<!-- results:end -->" in text


@pytest.mark.parametrize("name", READMES)
def test_the_corpus_example_is_read(name: str, tmp_path: Path) -> None:
    from xinzhi.corpora.formats import read_records

    (example,) = blocks(name, "json")
    path = tmp_path / "train.jsonl"
    path.write_text(example, encoding="utf8")
    (record,) = read_records(path)
    source = json.loads(example)
    start, end, _ = source["label"][0]
    assert source["text"][start:end] == "医保码刷脸结算"
    assert record.text == source["text"]  # type: ignore[union-attr]
