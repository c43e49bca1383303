"""What the doctor says of good and of broken installations."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from typer.testing import CliRunner

from xinzhi.cli import app
from xinzhi.doctor import cpu, encoders, gpu, space, versions
from xinzhi.doctor.check import NOTE, OK, PROBLEM, Check
from xinzhi.encoders.sources import EncoderSource
from xinzhi.errors import XinzhiError
from xinzhi.files import sha256_of


@pytest.mark.parametrize(
    ("version", "status"), [("3.11.7", OK), ("3.9.1", PROBLEM), ("3.14.0", PROBLEM)]
)
def test_python(version: str, status: str) -> None:
    assert versions.check_python(version, ">=3.10,<3.14").status == status


@pytest.mark.parametrize(
    ("version", "status", "found"),
    [
        ("3.8.18", OK, "3.8.18 (<3.9,>=3.8.7)"),
        ("3.7.4", PROBLEM, "3.7.4; xinzhi needs <3.9,>=3.8.7"),
        (None, PROBLEM, "not installed; xinzhi needs <3.9,>=3.8.7"),
        ("3.8.8.dev1", OK, "3.8.8.dev1 (<3.9,>=3.8.7)"),
    ],
)
def test_requirement(version: str | None, status: str, found: str) -> None:
    check = versions.check_requirement(Requirement("spacy>=3.8.7,<3.9"), version)
    assert (check.status, check.found) == (status, found)
    assert (check.fix == "pip install 'spacy<3.9,>=3.8.7'") is (status == PROBLEM)


def test_packages_that_do_not_fit_each_other() -> None:
    needed = [Requirement("transformers<4.50"), Requirement('cupy>=5; extra == "cuda"')]
    (check,) = versions.check_each_other(
        "spacy-transformers", needed, {"transformers": "4.53.2", "cupy": "1.0"}
    )
    assert check.found == "4.53.2; spacy-transformers needs <4.50"


def test_extras() -> None:
    needed = [
        Requirement('matplotlib>=3.8; extra == "plots"'),
        Requirement('optuna>=4; extra == "search"'),
    ]
    found = {c.name: c for c in versions.check_extras(needed, {"matplotlib": "3.1"})}
    assert found["matplotlib"].status == PROBLEM
    assert found["[search]"].status == NOTE
    assert found["[search]"].fix == "If needed: pip install 'xinzhi[search]'"


def test_a_plug_in_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    class Installed:
        entry_points = (
            EntryPoint("good", "json:loads", "spacy_readers"),
            EntryPoint("bad", "json:nope", "spacy_readers"),
        )

    monkeypatch.setattr("importlib.metadata.distribution", lambda name: Installed)
    check = versions.check_plugins()
    assert check.status == PROBLEM
    assert check.found.startswith("1 of 2 cannot be loaded, the first: bad: ")


@pytest.mark.parametrize(
    ("facts", "statuses", "said"),
    [
        (gpu.GpuFacts(), {OK}, "none: everything runs on the CPU"),
        (gpu.GpuFacts(cupy="cupy-cuda12x 13.0"), {OK, NOTE}, "cupy-cuda12x 13.0 without a GPU"),
        (gpu.GpuFacts("T4", "12.4", 1, "cupy-cuda12x 13.0"), {OK}, "CUDA 12.4, 1 GPU(s)"),
        (gpu.GpuFacts("T4", None, 0, "cupy 13.0"), {OK, PROBLEM}, "built for the CPU only"),
        (gpu.GpuFacts("T4", "12.4"), {OK, PROBLEM}, "built for CUDA 12.4, but sees no GPU"),
        (gpu.GpuFacts("T4", "12.4", 1), {OK, PROBLEM}, "pip install cupy-cuda12x"),
        (
            gpu.GpuFacts("T4", "12.4", 1, "cupy-cuda11x 13.0"),
            {OK, PROBLEM},
            "pip uninstall cupy-cuda11x; pip install cupy-cuda12x",
        ),
    ],
)
def test_gpu(facts: gpu.GpuFacts, statuses: set[str], said: str) -> None:
    checks = list(gpu.judge(facts))
    assert {check.status for check in checks} == statuses
    assert any(said in (check.found, check.fix) for check in checks)
    assert all(check.fix for check in checks if check.status == PROBLEM)


@pytest.mark.parametrize(
    ("check", "status"),
    [
        (cpu.judge_instructions(["avx2"], "AVX2"), OK),
        (cpu.judge_instructions([], "DEFAULT"), NOTE),
        (cpu.judge_bf16(["amx_bf16"], True), OK),
        (cpu.judge_bf16(["amx_bf16"], False), NOTE),
        (cpu.judge_bf16(["avx2"], False), OK),
        (cpu.judge_threads(2, 2), OK),
        (cpu.judge_threads(1, 4), NOTE),
        (cpu.judge_threads(16, 4), PROBLEM),
    ],
)
def test_cpu(check: Check, status: str) -> None:
    assert check.status == status
    assert status == OK or check.fix


@pytest.mark.parametrize(
    ("text", "cores"), [("150000 100000\n", 2), ("50000 100000", 1), ("max 100000", None)]
)
def test_quota_of_a_container(text: str, cores: int | None, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert cpu.cpu_quota(tmp_path / "cpu.max") == cores
    assert cpu.cpu_quota(tmp_path / "none") is None


def make_source(original: Path | None, sha256: str = "") -> EncoderSource:
    def find() -> Path:
        if original is None:
            raise XinzhiError("not installed")
        return original

    return EncoderSource("e", "tiny", "MIT", "e==1", find, sha256, 1, lambda a, b: None)


def test_encoder_packages(tmp_path: Path) -> None:
    (tmp_path / "e.bin").write_bytes(b"weights")
    good = make_source(tmp_path / "e.bin", sha256_of(tmp_path / "e.bin"))
    assert encoders.check_source(good).status == OK
    assert encoders.check_source(make_source(tmp_path / "e.bin", "0")).status == PROBLEM
    missing = encoders.check_source(make_source(None))
    assert (missing.status, missing.fix) == (NOTE, "If needed: pip install 'e==1'")


def test_encoder_folders(tmp_path: Path) -> None:
    for name in ("bert", "half", ".cache"):
        (tmp_path / name).mkdir()
    for name in ("config.json", "model.safetensors", "vocab.txt"):
        (tmp_path / "bert" / name).write_text("{}")
    (tmp_path / "half" / "config.json").write_text("{}")
    bert, half = map(encoders.check_folder, encoders.encoder_folders([tmp_path, Path("nowhere")]))
    assert bert.status == OK
    assert half.status == PROBLEM
    assert half.found == "lacks weights, a tokenizer"


def test_no_encoder_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XINZHI_CACHE", str(tmp_path))
    monkeypatch.setattr(encoders, "get_sources", lambda: {"e": make_source(None)})
    *_, last = encoders.check_encoders()
    assert last.status == PROBLEM
    assert last.fix.startswith("pip install 'xinzhi[e5]'")


def test_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_error(404)

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        (check,) = encoders.check_hub(seconds=5)
        server.shutdown()
    assert (check.status, check.found) == (OK, "reachable")
    (gone,) = encoders.check_hub(seconds=5)
    assert gone.status == NOTE  # never a problem
    assert gone.found.startswith("not reachable: ")
    monkeypatch.setenv("HF_ENDPOINT", "no address")
    (bad,) = encoders.check_hub(seconds=5)
    assert bad.status == NOTE
    (offline,) = encoders.check_hub(offline=True)
    assert offline.found == "not tried (offline)"


def test_a_hub_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*args: object, **kwargs: object) -> None:
        time.sleep(0.5)
        raise OSError("too late")

    monkeypatch.setattr("urllib.request.urlopen", hang)
    assert encoders.why_unreachable("http://hub", 0.1) == "no answer in 0.1 s"


def test_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert space.check_disk("cache", tmp_path / "not" / "there").status == OK
    monkeypatch.setattr(space, "DISK_GIB", 1e9)
    assert space.check_disk("cache", tmp_path).status == PROBLEM
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert "cannot be written to" in space.check_disk("cache", tmp_path).found


@pytest.mark.parametrize(("gib", "status"), [(None, OK), (8.0, OK), (1.0, PROBLEM)])
def test_memory(gib: float | None, status: str) -> None:
    assert space.judge_memory(gib).status == status


def test_memory_of_a_container(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 100 kB\nMemAvailable:   4194304 kB\n")
    assert space.available_memory(tmp_path / "meminfo", tmp_path) == 4.0
    (tmp_path / "memory.max").write_text(str(3 * 2**30))
    (tmp_path / "memory.current").write_text(str(2**30))
    assert space.available_memory(tmp_path / "meminfo", tmp_path) == 2.0
    (tmp_path / "memory.max").write_text("max")
    assert space.available_memory(tmp_path / "none", tmp_path) is None


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = CliRunner().invoke(app, ["doctor", "--offline", "--json", str(tmp_path / "d.json")])
    found = json.loads((tmp_path / "d.json").read_text(encoding="utf8"))
    problems = [check for check in found["checks"] if check["status"] == PROBLEM]
    assert result.exit_code == bool(problems), result.output
    assert found["ok"] is (not problems)
    assert {check["area"] for check in found["checks"]} == {
        "versions", "gpu", "cpu", "encoders", "hub", "space", "system"
    }  # fmt: skip
    broken = Check("cpu", "threads", "16 for 4 cores", PROBLEM, "export OMP_NUM_THREADS=4")
    monkeypatch.setattr("xinzhi.doctor.diagnose.diagnose", lambda *args: [broken])
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "✘ threads: 16 for 4 cores\n  export OMP_NUM_THREADS=4" in result.output
