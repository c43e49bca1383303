"""Settings, files, and what is said when something is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from xinzhi.benchmark.documents import endless, first, of_length, read_texts
from xinzhi.benchmark.prepare import check_files
from xinzhi.benchmark.settings import (
    MEASURES,
    SMARTCITY,
    Paths,
    Settings,
    make_paths,
    make_settings,
    parse_documents,
    parse_numbers,
)
from xinzhi.errors import XinzhiError


def test_settings_from_a_command_line() -> None:
    settings = make_settings(
        Paths(), ["a=x.jsonl,y.jsonl", "b=z.jsonl"], "load, predict", "10,200", 0, rounds=2
    )
    assert settings.only == ("load", "predict")
    assert settings.stream == (10, 200)
    assert settings.threads >= 1
    assert settings.documents == {
        "a": (Path("x.jsonl"), Path("y.jsonl")),
        "b": (Path("z.jsonl"),),
    }
    plain = make_settings(Paths(), [], "", "", 1)
    assert plain.only == MEASURES
    assert plain.rounds == 5
    assert plain.documents == {"smartcity": SMARTCITY}


def test_paths() -> None:
    assert make_paths() == Paths()
    paths = make_paths(Path("语料"), ours=Path("x"), stock=None)
    assert (paths.train, paths.test) == (Path("语料/train.spacy"), Path("语料/test.spacy"))
    assert (paths.ours, paths.stock) == (Path("x"), Paths().stock)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Settings(only=("speed",)), "no measure 'speed'"),
        (lambda: Settings(rounds=0), "rounds = 0"),
        (lambda: Settings(threads=-1), "threads = -1"),
        (lambda: parse_documents(["dev.jsonl"]), "--documents dev.jsonl"),
        (lambda: parse_documents(["a="]), "--documents a="),
        (lambda: parse_numbers("10,x", "--stream"), "--stream 10,x"),
        (lambda: parse_numbers("0", "--stream"), "--stream 0"),
    ],
)
def test_bad_settings(make: object, message: str) -> None:
    with pytest.raises(XinzhiError, match=message):
        make()  # type: ignore[operator]


def test_missing_files_are_named_with_the_command_that_makes_them(tmp_path: Path) -> None:
    paths = make_paths(tmp_path, ours=tmp_path / "o", stock=tmp_path / "s", encoder=tmp_path / "e")
    with pytest.raises(XinzhiError) as error:
        check_files(Settings(paths=paths))
    for text in (str(paths.stock), "run stock", "--build-stock", "make demo", "run convert"):
        assert text in str(error.value)
    with pytest.raises(XinzhiError) as error:
        check_files(Settings(paths=paths, build_stock=True))
    assert str(paths.stock) not in error.value.fact
    with pytest.raises(XinzhiError) as error:
        check_files(Settings(paths=paths, only=("train",)))
    assert str(paths.ours) not in error.value.fact, "training starts from the encoder"
    assert str(paths.encoder) in error.value.fact


def test_read_texts(tmp_path: Path) -> None:
    file = tmp_path / "文本.jsonl"
    file.write_text(
        '{"text": "一网通办"}\n\n{"text": ""}\n{"text": "OK\\u2028行"}\n', encoding="utf8"
    )
    assert read_texts([file, file]) == ["一网通办", "OK\u2028行"] * 2


@pytest.mark.parametrize("line", ["{", "[]", '{"content": "x"}', "3"])
def test_a_line_without_text_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"text": "x"}\n' + line + "\n", encoding="utf8")
    with pytest.raises(XinzhiError, match=r"a\.jsonl:2: not an object"):
        read_texts([file])


def test_no_texts(tmp_path: Path) -> None:
    with pytest.raises(XinzhiError, match="is not there"):
        read_texts([tmp_path / "a.jsonl"])
    (tmp_path / "a.jsonl").write_text("\n")
    with pytest.raises(XinzhiError, match="no texts"):
        read_texts([tmp_path / "a.jsonl"])


def test_endless_texts_differ() -> None:
    found = list(first(endless(["一二三", "ab"]), 6))
    assert found == ["一二三", "ab", "二三一", "ba", "三一二", "ab"]


@pytest.mark.parametrize("length", [1, 3, 4, 5, 17])
def test_of_length(length: int) -> None:
    assert len(of_length(["一二三", "ab"], length)) == length
