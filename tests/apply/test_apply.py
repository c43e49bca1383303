from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin
from thinc.api import Config
from typer.testing import CliRunner

from xinzhi.apply import apply
from xinzhi.apply.engines.local import LOCAL
from xinzhi.apply.parts import Done, Part
from xinzhi.apply.worker import Task, load
from xinzhi.cli import app
from xinzhi.errors import XinzhiError

COUNT = 50
CODE = """
import os, signal, time
from pathlib import Path
from spacy.language import Language

@Language.component("test_slow")
def slow(doc):
    time.sleep(0.005)
    return doc

@Language.component("test_killed_once")
def killed_once(doc):
    mark = Path(os.environ["KILL_MARK"])
    if doc.text.endswith("👍7") and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return doc
"""


ENTRY_POINTS = """[spacy_factories]
test_slow = test_parts:slow
test_killed_once = test_parts:killed_once
"""


@pytest.fixture(autouse=True)
def fresh() -> None:
    load.cache_clear()


@pytest.fixture
def pipeline(tmp_path: Path) -> str:
    nlp = spacy.blank("zh")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "SERVICE", "pattern": "一网通办"}])  # type: ignore[attr-defined]
    nlp.to_disk(tmp_path / "pipeline")
    return str(tmp_path / "pipeline")


@pytest.fixture
def texts(tmp_path: Path) -> str:
    path = tmp_path / "in.jsonl"
    lines = [{"id": f"d{i}", "text": f"一网通办👍{i}", "date": i} for i in range(COUNT)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf8")
    return str(path)


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


class Dies:
    """The local engine, killed after some parts."""

    def __init__(self, after: int) -> None:
        self.after = after

    def run(self, task: Task, parts: Iterable[Part], workers: int) -> Iterator[Done]:
        for number, done in enumerate(LOCAL.run(task, parts, workers), start=1):
            if number > self.after:
                raise KeyboardInterrupt
            yield done


def killed(monkeypatch: pytest.MonkeyPatch, after: int, *args, **kwargs) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("xinzhi.apply.job.get_engine", lambda name: Dies(after))
        with pytest.raises(KeyboardInterrupt):
            apply(*args, **kwargs)


def test_rows_are_in_the_order_of_the_input(pipeline: str, texts: str, tmp_path: Path) -> None:
    report = apply(pipeline, [texts], tmp_path / "out.jsonl", part_size=7, batch_size=3)
    found = rows(report.output)
    assert [row["id"] for row in found] == [f"d{i}" for i in range(COUNT)]
    assert found[3]["meta"] == {"date": 3}
    entity = {"start": 0, "end": 4, "label": "SERVICE", "text": "一网通办", "confidence": None}
    assert all(row["entities"] == [entity] for row in found)
    assert (report.texts, report.problems, report.errors, report.resumed) == (COUNT, 0, None, 0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl", "pipeline"]


def test_the_size_of_parts_and_batches_changes_no_byte(made: Path, tmp_path: Path) -> None:
    """A text that shares its batch with others, and with others' lengths, gets the same numbers."""
    source = tmp_path / "in.txt"
    lines = [("一网通办真方便，刷脸门禁" * 9)[: 1 + 11 * n % 97] + str(n) for n in range(30)]
    source.write_text("\n".join(lines), encoding="utf8")
    written = set()
    for parts, batches in ((30, 64), (7, 64), (30, 4), (1, 1)):
        out = tmp_path / f"{parts}-{batches}.jsonl"
        options = {"part_size": parts, "batch_size": batches}
        apply(str(made / "pipeline"), [str(source)], out, **options)
        written.add(out.read_bytes())
    assert len(written) == 1
    assert rows(out)[0]["cats"]


def test_a_killed_run_goes_on(
    pipeline: str, texts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = apply(pipeline, [texts], tmp_path / "whole.jsonl", part_size=7).output
    out = tmp_path / "out.jsonl"
    killed(monkeypatch, 3, pipeline, [texts], out, part_size=7)
    assert not out.exists()
    report = apply(pipeline, [texts], out, part_size=7)
    assert report.resumed == 4  # the fourth was on disk when the run was killed
    assert out.read_bytes() == whole.read_bytes()


def test_a_killed_run_is_not_mixed_with_another(
    pipeline: str, texts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.jsonl"
    killed(monkeypatch, 2, pipeline, [texts], out, part_size=7)
    with pytest.raises(XinzhiError, match="other settings \\(part_size\\)"):
        apply(pipeline, [texts], out, part_size=8)
    lines = Path(texts).read_text(encoding="utf8").splitlines()
    Path(texts).write_text("\n".join(lines[1:]), encoding="utf8")
    with pytest.raises(XinzhiError, match="input has changed"):
        apply(pipeline, [texts], out, part_size=7)
    report = apply(pipeline, [texts], out, part_size=7, restart=True)
    assert (report.texts, report.resumed) == (COUNT - 1, 0)


def test_a_killed_run_does_not_go_on_with_a_pipeline_that_was_trained_again(
    pipeline: str, texts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.jsonl"
    killed(monkeypatch, 2, pipeline, [texts], out, part_size=7)
    nlp = spacy.load(pipeline)
    nlp.get_pipe("entity_ruler").add_patterns([{"label": "NEW", "pattern": "一网"}])  # type: ignore[attr-defined]
    nlp.to_disk(pipeline)
    load.cache_clear()
    with pytest.raises(XinzhiError, match="other settings \\(sha256\\)"):
        apply(pipeline, [texts], out, part_size=7)


def test_what_a_kill_leaves_of_a_finished_job_is_not_used(
    pipeline: str, texts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while the parts were removed: marks without rows, and no job."""
    out = tmp_path / "out.jsonl"
    killed(monkeypatch, 3, pipeline, [texts], out, part_size=7)
    parts = tmp_path / ".out.jsonl.parts"
    (parts / "job.json").unlink()
    (parts / "000001.jsonl").unlink()
    report = apply(pipeline, [texts], out, part_size=8)
    assert (report.texts, report.resumed) == (COUNT, 0)
    assert not parts.exists()


def test_a_mark_that_a_power_cut_has_emptied_does_not_count(
    pipeline: str, texts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.jsonl"
    killed(monkeypatch, 3, pipeline, [texts], out, part_size=7)
    (tmp_path / ".out.jsonl.parts" / "000002.done.json").write_bytes(b"")
    assert apply(pipeline, [texts], out, part_size=7).texts == COUNT
    assert [row["id"] for row in rows(out)] == [f"d{i}" for i in range(COUNT)]


@pytest.mark.skipif(os.name == "nt", reason="no locks")
def test_two_commands_do_not_write_one_output(
    pipeline: str, texts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.jsonl"

    class Meets:
        def run(self, task: Task, parts: Iterable[Part], workers: int) -> Iterator[Done]:
            with pytest.raises(XinzhiError, match="Another command is writing"):
                apply(pipeline, [texts], out, restart=True)
            yield from LOCAL.run(task, parts, workers)

    monkeypatch.setattr("xinzhi.apply.job.get_engine", lambda name: Meets())
    assert apply(pipeline, [texts], out).texts == COUNT


def test_the_output_is_no_input(pipeline: str, texts: str, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    apply(pipeline, [texts], out)
    for source in (str(out), str(tmp_path / "*.jsonl")):
        with pytest.raises(XinzhiError, match="is one of the inputs"):
            apply(pipeline, [source], out, force=True)


@pytest.mark.skipif(sys.platform != "linux", reason="file names of bytes")
@pytest.mark.parametrize("suffix", [".jsonl", ".spacy"])
def test_a_file_whose_name_is_not_utf8(pipeline: str, tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    name = os.fsdecode("北京.txt".encode("gbk"))
    (folder / name).write_bytes("一网通办\n\xff\n".encode("latin1", "ignore") + b"ok\n")
    report = apply(pipeline, [str(folder)], tmp_path / f"out{suffix}")
    assert (report.texts, report.problems) == (1, 1)
    assert report.errors is not None
    assert rows(report.errors)[0]["file"].endswith(name)


def test_a_text_that_the_pipeline_cannot_take_costs_no_other(
    pipeline: str, texts: str, tmp_path: Path
) -> None:
    path = tmp_path / "more.jsonl"
    long = {"id": "long", "text": "长" * 1_000_001}
    path.write_text(json.dumps(long) + "\n{broken\n" + Path(texts).read_text(), encoding="utf8")
    report = apply(pipeline, [str(path)], tmp_path / "out.jsonl", part_size=10)
    assert (report.texts, report.problems) == (COUNT, 2)
    assert report.errors is not None
    found = rows(report.errors)
    assert {(row["line"], row["record"]) for row in found} == {(1, "long"), (2, None)}
    assert "E088" in next(row["fact"] for row in found if row["record"] == "long")


def test_other_outputs_hold_the_same(pipeline: str, texts: str, tmp_path: Path) -> None:
    expected = rows(apply(pipeline, [texts], tmp_path / "out.jsonl").output)
    folder = apply(pipeline, [texts], tmp_path / "out.spacy", part_size=20).output
    docs = [
        doc
        for path in sorted(folder.iterdir())
        for doc in DocBin(store_user_data=True).from_disk(path).get_docs(spacy.blank("zh").vocab)
    ]
    assert [doc.text for doc in docs] == [row["text"] for row in expected]
    assert [doc.user_data["record"]["id"] for doc in docs] == [row["id"] for row in expected]
    assert all(doc.ents[0].label_ == "SERVICE" for doc in docs)
    if find_spec("pyarrow"):
        from pyarrow import parquet

        path = apply(pipeline, [texts], tmp_path / "out.parquet", part_size=20).output
        table = parquet.read_table(path).to_pylist()
        assert [row["text"] for row in table] == [row["text"] for row in expected]
        assert [row["entities"] for row in table] == [row["entities"] for row in expected]


def test_numbers_of_many_digits(pipeline: str, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(
        f'{{"id": {10**24}, "text": "一网通办", "order": [{10**30}]}}\n', encoding="utf8"
    )
    inputs = [str(tmp_path / "in.jsonl")]
    (row,) = rows(apply(pipeline, inputs, tmp_path / "out.jsonl").output)
    assert (row["id"], row["meta"]) == (10**24, {"order": [10**30]})
    packed = apply(pipeline, inputs, tmp_path / "out.spacy").output
    (doc,) = DocBin(store_user_data=True).from_disk(packed).get_docs(spacy.blank("zh").vocab)
    assert doc.user_data["record"]["id"] == str(10**24)
    assert list(doc.user_data["record"]["meta"]["order"]) == [str(10**30)]


def test_what_cannot_be_done_is_said_first(pipeline: str, texts: str, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with pytest.raises(XinzhiError, match="Cannot load the pipeline nowhere"):
        apply("nowhere", [texts], out)
    with pytest.raises(XinzhiError, match="no engine 'x'"):
        apply(pipeline, [texts], out, engine="x")
    with pytest.raises(XinzhiError, match="not in the pipeline"):
        apply(pipeline, [texts], out, disable=["ner"])
    with pytest.raises(XinzhiError, match=r"format of .* is not clear"):
        apply(pipeline, [texts], tmp_path / "out")
    with pytest.raises(XinzhiError, match="cannot be standard output"):
        apply(pipeline, [texts], Path("-"))
    with pytest.raises(XinzhiError, match="no output 'x'"):
        apply(pipeline, [texts], out, to="x")
    out.touch()
    with pytest.raises(XinzhiError, match="exists"):
        apply(pipeline, [texts], out)
    assert apply(pipeline, [texts], out, force=True).texts == COUNT


def test_an_engine_that_stops_early_is_noticed(
    pipeline: str, texts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stops:
        def run(self, task: Task, parts: Iterable[Part], workers: int) -> Iterator[Done]:
            yield from LOCAL.run(task, [next(iter(parts))], workers)

    out = tmp_path / "out.jsonl"
    with monkeypatch.context() as patch:
        patch.setattr("xinzhi.apply.job.get_engine", lambda name: Stops())
        with pytest.raises(XinzhiError, match="not predicted part 2 and 3 others"):
            apply(pipeline, [texts], out, part_size=10)
    assert not out.exists()
    assert apply(pipeline, [texts], out, part_size=10).texts == COUNT


def test_components_can_be_left_out(pipeline: str, texts: str, tmp_path: Path) -> None:
    report = apply(pipeline, [texts], tmp_path / "out.jsonl", disable=["entity_ruler"])
    assert all(row["entities"] == [] for row in rows(report.output))


def test_an_empty_input_gives_an_empty_output(pipeline: str, tmp_path: Path) -> None:
    (tmp_path / "in.txt").touch()
    report = apply(pipeline, [str(tmp_path / "in.txt")], tmp_path / "out.jsonl")
    assert report.texts == 0
    assert report.output.read_bytes() == b""


def test_the_command_says_what_was_not_predicted(pipeline: str, texts: str, tmp_path: Path) -> None:
    with Path(texts).open("a") as file:
        file.write("{broken\n")
    out = tmp_path / "out.jsonl"
    result = CliRunner().invoke(app, ["apply", pipeline, texts, str(out)])
    assert result.exit_code == 3
    assert "1 could not be predicted" in result.stderr
    assert len(rows(out)) == COUNT


def command(pipeline: str, texts: str, out: Path, *more: str) -> list[str]:
    """Run `apply` with the components of CODE, in a process of its own."""
    code = "from xinzhi.cli import main; main()"
    return [
        sys.executable,
        "-c",
        f"import test_parts; {code}",
        "apply",
        pipeline,
        texts,
        str(out),
        *more,
    ]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """With the components of CODE installed, as far as entry points go."""
    info = tmp_path / "code" / "test_parts-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: test_parts\nVersion: 1\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "code" / "test_parts.py").write_text(CODE, encoding="utf8")
    paths = f"{tmp_path / 'code'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    return {**os.environ, "PYTHONPATH": paths, "KILL_MARK": str(tmp_path / "killed")}


def add_component(pipeline: str, name: str) -> None:
    path = Path(pipeline) / "config.cfg"
    config = Config().from_disk(path)
    config["nlp"]["pipeline"].append(name)
    config["components"][name] = {"factory": name}
    config.to_disk(path)


@pytest.mark.slow
def test_kill_9_at_random_and_again(
    pipeline: str, texts: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    whole = apply(pipeline, [texts], tmp_path / "whole.jsonl", part_size=2).output
    add_component(pipeline, "test_slow")
    out = tmp_path / "out.jsonl"
    parts = tmp_path / ".out.jsonl.parts"
    for wanted in (3, 11, 17):
        process = subprocess.Popen(
            command(pipeline, texts, out, "--part-size", "2"), env=environment
        )
        while process.poll() is None and len(list(parts.glob("*.done.json"))) < wanted:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not out.exists()
    subprocess.run(command(pipeline, texts, out, "--part-size", "2"), env=environment, check=True)
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.slow
def test_a_killed_worker_is_replaced(
    pipeline: str, texts: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    whole = apply(pipeline, [texts], tmp_path / "whole.jsonl", part_size=5).output
    add_component(pipeline, "test_killed_once")
    out = tmp_path / "out.jsonl"
    run = command(pipeline, texts, out, "--part-size", "5", "--n-process", "2")
    subprocess.run(run, env=environment, check=True)
    assert (tmp_path / "killed").exists()
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks into /proc")
def test_workers_end_with_a_command_that_is_killed(
    pipeline: str, texts: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    add_component(pipeline, "test_slow")
    run = command(pipeline, texts, tmp_path / "out.jsonl", "--part-size", "2", "--n-process", "2")
    process = subprocess.Popen(run, env=environment)
    while not list((tmp_path / ".out.jsonl.parts").glob("*.done.json")):
        time.sleep(0.01)
    workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(workers) >= 2
    process.kill()
    process.wait()
    end = time.monotonic() + 30
    while any(running(pid) for pid in workers):
        assert time.monotonic() < end
        time.sleep(0.05)


def running(pid: str) -> bool:
    """Whether a process is there and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["ray", "spark"])
def test_engines_give_the_same_also_after_kill_9(
    engine: str, pipeline: str, texts: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    pytest.importorskip({"ray": "ray.data", "spark": "pyspark"}[engine])
    whole = apply(pipeline, [texts], tmp_path / "whole.jsonl", part_size=3).output
    add_component(pipeline, "test_slow")
    out, parts = tmp_path / "out.jsonl", tmp_path / ".out.jsonl.parts"
    options = ["--engine", engine, "--part-size", "3", "--n-process", "2"]
    run = command(pipeline, texts, out, *options)
    process = subprocess.Popen(run, env=environment, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and len(list(parts.glob("*.done.json"))) < 2:
        time.sleep(0.01)
    process.kill()
    _, said = process.communicate()
    if "there is none here" in said:
        pytest.skip("no Java")
    assert process.returncode == -signal.SIGKILL, said
    assert not out.exists()
    done = subprocess.run(run, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "from an earlier run" in done.stderr
    assert out.read_bytes() == whole.read_bytes()
