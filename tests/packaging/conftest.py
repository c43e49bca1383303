"""A small library and pipelines on it: packaging is tested without training or weights."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import spacy
from packaging.requirements import Requirement

from xinzhi.packaging.library import Library, RegisteredName
from xinzhi.packaging.wheel import package_pipeline

DATA = Path(__file__).parent.parent / "data"
NAMES = (
    ("spacy_factories", "fakelib_finder", "fakelib.components.finder", "make_finder"),
    ("spacy_misc", "fakelib.Weight.v1", "fakelib.layers.weight", "weight_v1"),
    ("spacy_misc", "fakelib.Report.v1", "fakelib.training.report", "report_v1"),
)


def fake_library() -> Library:
    return Library(
        package="fakelib",
        root=DATA / "fakelib",
        version="1.2.3",
        registered=tuple(RegisteredName(*item) for item in NAMES),
        requires=(Requirement("numpy>=1.26"), Requirement("thinc>=8.3.4,<8.4")),
        licenses=(DATA.parent.parent / "LICENSE",),
    )


@contextmanager
def fakelib_importable() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DATA))
        yield
    for name in [name for name in sys.modules if name.split(".")[0] == "fakelib"]:
        del sys.modules[name]


def save_pipeline(folder: Path) -> Path:
    """A pipeline with the small library's component, as training leaves it."""
    import fakelib.components.finder
    import fakelib.layers.weight  # noqa: F401

    nlp = spacy.blank("zh")
    nlp.add_pipe("fakelib_finder")
    nlp.meta["name"] = "pipeline"
    nlp.meta["performance"] = {"ents_f": 0.5}
    path = folder / "训练 folder" / "model-best"
    path.parent.mkdir(parents=True)
    nlp.to_disk(path)
    (path / "optimizer.pt").write_bytes(b"training leftover")
    return path


@pytest.fixture
def library() -> Library:
    return fake_library()


@pytest.fixture
def pipeline_dir(tmp_path: Path) -> Iterator[Path]:
    with fakelib_importable():
        yield save_pipeline(tmp_path)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built where every path has spaces and Chinese characters."""
    folder = tmp_path_factory.mktemp("wheel")
    (folder / "临时 temp").mkdir()
    with fakelib_importable(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder / "临时 temp"))
        pipeline = save_pipeline(folder)
        out = folder / "包 out"
        return package_pipeline(pipeline, out, name="demo", version="0.1.0", library=fake_library())
