"""Call stacks to phases, and the sampling profiler."""

from __future__ import annotations

import time

import pytest

from xinzhi.benchmark.phases import PHASES, RULES, Frame, phase_of
from xinzhi.benchmark.sampling import Sampler, split_time

SITE = "/env/lib/site-packages"
LINEAR = (f"{SITE}/torch/nn/modules/linear.py", "forward", "")
BERT = (f"{SITE}/transformers/models/bert/modeling_bert.py", "forward", "")
SHIM = ("/src/xinzhi/layers/encoder_shim.py", "forward", "")
TAGGER = ("/src/xinzhi/layers/tagger.py", "forward", "")
AUTOGRAD = (f"{SITE}/torch/autograd/__init__.py", "backward", "")
TENSOR = (f"{SITE}/torch/_tensor.py", "backward", "")
ADAM = (f"{SITE}/thinc/optimizers.py", "_adam", "")
LISTENER = (f"{SITE}/spacy_transformers/layers/listener.py", "backprop_trf_data", "")
STOCK_MODEL = (f"{SITE}/spacy_transformers/layers/transformer_model.py", "backprop_transformer", "")
STOCK_TOKENISE = (STOCK_MODEL[0], "huggingface_tokenize", "")
COMPONENT = ("/src/xinzhi/components/ner.py", "update", "")
NER_LOOP = (f"{SITE}/spacy/util.py", "_pipe", "ner")
ENCODER_LOOP = (f"{SITE}/spacy/util.py", "_pipe", "transformer")
PIPE = (f"{SITE}/spacy/language.py", "pipe", "")
HF = f"{SITE}/transformers/pipelines/token_classification.py"


@pytest.mark.parametrize(
    ("stack", "phase"),
    [
        ([], "python"),
        ([PIPE], "python"),
        ([LINEAR, BERT, SHIM, ENCODER_LOOP, PIPE], "forward"),
        ([LINEAR, BERT, STOCK_MODEL, ENCODER_LOOP, NER_LOOP, PIPE], "forward"),
        ([STOCK_TOKENISE, STOCK_MODEL, ENCODER_LOOP, PIPE], "tokenise"),
        ([LINEAR, TAGGER, COMPONENT, PIPE], "heads"),
        ([AUTOGRAD, TAGGER, COMPONENT], "heads"),
        ([NER_LOOP, PIPE], "heads"),
        ([ENCODER_LOOP, NER_LOOP, PIPE], "heads"),
        ([AUTOGRAD, SHIM, LISTENER, TAGGER, COMPONENT], "backward"),
        ([AUTOGRAD, STOCK_MODEL, LISTENER, COMPONENT], "backward"),
        ([LINEAR, BERT, SHIM, AUTOGRAD, SHIM], "backward"),  # computed again for its gradient
        ([AUTOGRAD, TENSOR, ("/src/loop.py", "update", "")], "backward"),
        ([ADAM, COMPONENT], "optimiser"),
        ([(f"{SITE}/torch/optim/adamw.py", "step", "")], "optimiser"),
        ([("/src/xinzhi/layers/shim.py", "finish_update", ""), COMPONENT], "optimiser"),
        ([("/src/xinzhi/encoders/tokenizer.py", "encode", ""), SHIM], "tokenise"),
        ([("/src/xinzhi/layers/encoder_batch.py", "_pad_groups", ""), SHIM], "alignment"),
        ([(f"{SITE}/spacy_transformers/align.py", "get_alignment", ""), STOCK_MODEL], "alignment"),
        ([(HF, "postprocess", "")], "heads"),
        ([(HF, "preprocess", "")], "tokenise"),
        ([LINEAR, BERT, (HF, "_forward", "")], "forward"),
    ],
)
def test_phase_of(stack: list[Frame], phase: str) -> None:
    assert phase_of(stack) == phase


def test_rules_name_known_phases() -> None:
    assert {phase for phase, _, _ in RULES} <= set(PHASES)


def test_sampler_shares_out_the_time() -> None:
    def short() -> None:
        time.sleep(0.1)

    def long() -> None:
        time.sleep(0.3)

    with Sampler(lambda stack: next((f[1] for f in stack if f[1] in ("short", "long")), "")) as s:
        short()
        long()
    assert s.seconds["short"] == pytest.approx(0.1, abs=0.06)
    assert s.seconds["long"] == pytest.approx(0.3, abs=0.1)
    assert sum(s.seconds.values()) >= 0.38


def test_split_time_has_every_phase() -> None:
    seconds = split_time(lambda: time.sleep(0.05))
    assert tuple(seconds) == PHASES
    assert seconds["python"] == pytest.approx(0.05, abs=0.05)


def test_the_component_is_known_where_it_has_no_frame() -> None:
    """spaCy's loop over components is found while one that is not ours is at work."""
    import spacy
    from spacy.language import Language
    from spacy.tokens import Doc

    @Language.component("test_benchmark_slow")
    def slow(doc: Doc) -> Doc:
        time.sleep(0.02)
        return doc

    nlp = spacy.blank("en")
    nlp.add_pipe("test_benchmark_slow", name="慢")
    seen = set()

    def name(stack: list[Frame]) -> str:
        seen.update(component for _, _, component in stack)
        return "any"

    with Sampler(name):  # type: ignore[arg-type]
        list(nlp.pipe(["a", "b", "c"]))
    assert "慢" in seen
