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
from spacy.util import load_model_from_config
from thinc.api import Config

from xinzhi.packaging.library import Library, RegisteredName
from xinzhi.packaging.wheel import package_pipeline

from ..util import make_tiny_encoder

DATA = Path(__file__).parent.parent / "data"
NAMES = (
    ("spacy_factories", "fakelib_finder", "fakelib.components.finder", "make_finder"),
    ("spacy_misc", "fakelib.Weight.v1", "fakelib.layers.weight", "weight_v1"),
    ("spacy_misc", "fakelib.Report.v1", "fakelib.training.report", "report_v1"),
)

TEXTS = [
    "深圳建设智慧城市，服务好。",
    "杭州地铁新线很好！",
    "上海公交车太挤了。",
    "Smart city 北京。",
    "好",
    "",
] * 2
ENCODER_CONFIG = """
[paths]
encoder = null

[nlp]
lang = "zh"
pipeline = ["transformer", "ner", "textcat_multilabel"]

[nlp.tokenizer]
@tokenizers = "xinzhi.CharTokenizer.v1"

[components]

[components.transformer]
factory = "transformer"

[components.transformer.model]
@architectures = "xinzhi.Encoder.v1"
name = ${paths.encoder}

[components.ner]
factory = "ner"

[components.ner.model]
@architectures = "spacy.TransitionBasedParser.v2"
state_type = "ner"
extra_state_tokens = false
hidden_width = 16
maxout_pieces = 2
use_upper = false

[components.ner.model.tok2vec]
@architectures = "spacy-transformers.TransformerListener.v1"
grad_factor = 1.0

[components.ner.model.tok2vec.pooling]
@layers = "reduce_mean.v1"

[components.textcat_multilabel]
factory = "textcat_multilabel"

[components.textcat_multilabel.model]
@architectures = "spacy.TextCatReduce.v1"
exclusive_classes = false
use_reduce_first = false
use_reduce_last = false
use_reduce_max = false
use_reduce_mean = true

[components.textcat_multilabel.model.tok2vec]
@architectures = "spacy-transformers.TransformerListener.v1"
grad_factor = 1.0

[components.textcat_multilabel.model.tok2vec.pooling]
@layers = "reduce_mean.v1"
"""


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


def save_encoder_pipeline(folder: Path) -> Path:
    """A pipeline on xinzhi.Encoder.v1 after a few steps: it predicts something."""
    from spacy.training import Example
    from spacy.util import fix_random_seed

    fix_random_seed(0)
    encoder = make_tiny_encoder(folder / "encoder")
    (encoder / "LICENSE").write_text("Tiny encoder licence", "utf8")
    config = Config().from_str(ENCODER_CONFIG, interpolate=False)
    config["paths"]["encoder"] = str(encoder)
    nlp = load_model_from_config(config, auto_fill=True)
    examples = []
    for text in TEXTS:
        doc = nlp.make_doc(text)
        ents = [(0, 2, "PLACE")] if len(text) > 1 else []
        cats = {"good": float("好" in text), "bad": float("好" not in text)}
        examples.append(Example.from_dict(doc, {"entities": ents, "cats": cats}))
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(30):
        nlp.update(examples, sgd=optimizer)
    nlp.meta["name"] = "tiny"
    nlp.to_disk(folder / "model-best")
    return folder / "model-best"


@pytest.fixture(scope="session")
def encoder_pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder_pipeline(tmp_path_factory.mktemp("encoder 编码器"))


@pytest.fixture(scope="session")
def encoder_wheel(encoder_pipeline: Path) -> Path:
    out = encoder_pipeline.parent / "packages"
    return package_pipeline(encoder_pipeline, out, name="tiny", version="0.1.0")
