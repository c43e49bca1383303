"""Long streams take constant memory, long documents linear time. On a tiny encoder."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
from spacy.language import Language
from spacy.training import Example

from tests.util import TEXTS
from xinzhi.benchmark.documents import of_length

MakeEncoder = Callable[..., Path]
LISTENER = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "grad_factor": 1.0,
    "pooling": {"@layers": "reduce_mean.v1"},
}
STREAM = """
import sys
from collections import deque
from itertools import islice
import spacy
from xinzhi.benchmark.documents import endless
from xinzhi.benchmark.memory import peak_rss
nlp = spacy.load(sys.argv[1])
deque(nlp.pipe(islice(endless(sys.argv[3].split("|")), int(sys.argv[2]))), maxlen=0)
print(peak_rss())
"""


def examples(nlp: Language) -> list[Example]:
    return [
        Example.from_dict(
            nlp.make_doc(text),
            {"entities": [(0, 2, "X")], "cats": {"s/a": i % 2, "s/b": 1 - i % 2}},
        )
        for i, text in enumerate(TEXTS[:4])
    ]


@pytest.fixture(scope="module")
def pipeline(tiny_encoder: MakeEncoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    nlp = spacy.blank(
        "zh", config={"nlp": {"tokenizer": {"@tokenizers": "xinzhi.CharTokenizer.v1"}}}
    )
    model = {"@architectures": "xinzhi.Encoder.v1", "name": str(tiny_encoder())}
    nlp.add_pipe("transformer", config={"model": model})
    tagger = {"@architectures": "xinzhi.TokenTagger.v1", "tok2vec": LISTENER}
    nlp.add_pipe("xinzhi_ner", config={"model": tagger})
    classifier = {"@architectures": "xinzhi.DocClassifier.v1", "tok2vec": LISTENER}
    nlp.add_pipe("xinzhi_cats", config={"model": classifier})
    nlp.add_pipe("doc_cleaner", config={"attrs": {"tensor": None, "_.trf_data": None}})
    nlp.initialize(lambda: examples(nlp))
    folder = tmp_path_factory.mktemp("scale") / "模型"
    nlp.to_disk(folder)
    return folder


def peak_of_stream(pipeline: Path, documents: int) -> float:
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            STREAM,
            str(pipeline),
            str(documents),
            "|".join(TEXTS),
        ],
        capture_output=True,
        text=True,
        encoding="utf8",
        check=True,
    )
    return float(done.stdout)


@pytest.mark.slow
def test_a_stream_four_times_as_long_takes_the_same_memory(pipeline: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows does not say how much memory a process has held")
    short, long = peak_of_stream(pipeline, 3_000), peak_of_stream(pipeline, 12_000)
    assert long <= 1.1 * short


@pytest.mark.slow
def test_the_time_for_a_document_grows_with_its_length_only(pipeline: Path) -> None:
    nlp = spacy.load(pipeline)
    nlp.max_length = 10**9

    def seconds(characters: int) -> float:
        text = of_length(TEXTS, characters)
        start = time.process_time()
        assert nlp(text).text == text
        return time.process_time() - start

    seconds(5_000)
    short, long = min(seconds(10_000) for _ in range(3)), seconds(80_000)
    assert long <= 8 * short * 1.5
