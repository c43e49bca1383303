"""The registry: what it requires of a format, third parties' formats, and what derives from it."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from xinzhi.corpora.export import writable_format
from xinzhi.corpora.formats import (
    EVERYTHING,
    FORMATS,
    Format,
    WritableFormat,
    get_format,
    known_formats,
)
from xinzhi.errors import XinzhiError

ROOT = Path(__file__).parents[3]
READ_ONLY = {"iob", "spacy-json"}


@pytest.mark.parametrize(("name", "fmt"), known_formats().items())
def test_every_format_says_what_it_is(name: str, fmt: Format) -> None:
    assert isinstance(fmt, Format)
    assert fmt.name == name
    assert fmt.help
    assert fmt.holds <= EVERYTHING
    assert isinstance(fmt, WritableFormat) == (name not in READ_ONLY)


def test_unknown_and_read_only_names() -> None:
    with pytest.raises(XinzhiError, match="Known formats are brat, cluener"):
        get_format("dokkano")
    with pytest.raises(XinzhiError, match=r"'iob' can only be read(.|\n)*Writable are brat"):
        writable_format("iob")


PIPES = """
from xinzhi.corpora.record import Record

class PipeFormat:
    name = "pipes"
    help = "text||label"
    holds = frozenset({"cats"})

    def sniff(self, sample):
        return float(all("||" in line for line in sample.lines))

    def read(self, path, options):
        for number, line in enumerate(path.read_text(encoding="utf8").splitlines(), start=1):
            text, _, label = line.partition("||")
            yield Record(number, text, path, number, cats={"label": label})

PIPES = PipeFormat()
"""


def test_a_third_partys_format_is_detected_and_offered(tmp_path: Path) -> None:
    """A package with an entry point, in a process of its own, as it would be installed."""
    (tmp_path / "my_pipes.py").write_text(PIPES, encoding="utf8")
    info = tmp_path / "my_pipes-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-pipes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[xinzhi_formats]\npipes = my_pipes:PIPES\n")
    (tmp_path / "data.txt").write_text("很好||positive\n", encoding="utf8")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "xinzhi", "export", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONIOENCODING": "utf8"}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf8"
        )

    result = run("data.txt", "out.jsonl", "--to", "jsonl")
    assert result.returncode == 0, result.stderr
    written = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf8"))
    assert written == {"id": 1, "text": "很好", "cats": {"label": "positive"}}
    result = run("data.txt", "x.jsonl", "--to", "jsonl", "--from", "nothing")
    assert result.returncode == 1
    assert "pipes" in result.stderr


def test_the_table_in_the_docs_is_current() -> None:
    spec = importlib.util.spec_from_file_location("table", ROOT / "scripts" / "formats_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = module.DOCS.read_text(encoding="utf8")
    assert text == module.updated(text), "run: python scripts/formats_table.py"
    assert all(f"| `{name}` |" in text for name in FORMATS.get_all())


def test_formats_do_not_load_spacy() -> None:
    """`xinzhi --help` stays quick, and so does finding out a format."""
    code = (
        "import sys; from xinzhi.corpora.formats import known_formats; known_formats();"
        "sys.exit('spacy' in sys.modules or 'openpyxl' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
