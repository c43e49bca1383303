"""Which phase of the work a call stack belongs to. Files and functions in, a name out.

Frames are looked at from the innermost outwards; the first one that a rule knows decides. Frames of
torch, numpy and thinc itself are of no side: whoever called them is asked.
"""

from __future__ import annotations

from collections.abc import Sequence

Frame = tuple[str, str, str]  # file with /, function, spaCy component that it runs ("" if none)

PHASES = ("tokenise", "forward", "backward", "optimiser", "heads", "alignment", "python")
OPTIMISER = (
    ("thinc/optimizers.py", ""),
    ("torch/optim/", ""),
    ("torch/nn/utils/clip_grad.py", ""),
    ("xinzhi/layers/adam.py", ""),
    ("", "finish_update"),
)
BACKWARD = (("torch/autograd/", "backward"), ("torch/_tensor.py", "backward"))
RULES = (
    ("tokenise", "xinzhi/encoders/tokenizer.py", ""),
    ("tokenise", "transformers/tokenization_utils", ""),
    ("tokenise", "spacy_transformers/layers/transformer_model.py", "huggingface_tokenize"),
    ("tokenise", "spacy/lang/", ""),
    ("tokenise", "spacy/language.py", "make_doc"),
    ("tokenise", "transformers/pipelines/token_classification.py", "preprocess"),
    ("alignment", "xinzhi/layers/alignment.py", ""),
    ("alignment", "xinzhi/layers/windows.py", ""),
    ("alignment", "xinzhi/layers/encoder_batch.py", ""),
    ("alignment", "xinzhi/layers/encoder_output.py", ""),
    ("alignment", "xinzhi/layers/encoded.py", ""),
    ("alignment", "spacy_transformers/align.py", ""),
    ("alignment", "spacy_transformers/truncate.py", ""),
    ("alignment", "spacy_transformers/data_classes.py", ""),
    ("alignment", "spacy_transformers/layers/trfs2arrays.py", ""),
    ("alignment", "spacy_transformers/layers/split_trf.py", ""),
    ("alignment", "spacy_transformers/span_getters.py", ""),
    ("alignment", "transformers/pipelines/base.py", "inner"),  # collating a batch
    ("forward", "transformers/models/", ""),
    ("forward", "xinzhi/layers/encoder", ""),
    ("forward", "xinzhi/layers/bert_runtime.py", ""),
    ("forward", "xinzhi/layers/linear.py", ""),
    ("forward", "xinzhi/layers/attention.py", ""),
    ("forward", "spacy_transformers/layers/transformer_model.py", ""),
    ("forward", "spacy_transformers/layers/hf_", ""),
    ("forward", "onnxruntime/", ""),
    ("forward", "openvino/", ""),
    ("heads", "xinzhi/layers/", ""),
    ("heads", "xinzhi/components/", ""),
    ("heads", "spacy/ml/", ""),
    ("heads", "spacy/pipeline/", ""),
    ("heads", "transformers/loss/", ""),
    ("heads", "transformers/pipelines/token_classification.py", "postprocess"),
)
ENCODER_COMPONENT = "transformer"


def phase_of(stack: Sequence[Frame]) -> str:
    """Name the phase of a call stack.

    stack (Sequence[Frame]): Innermost frame first.
    RETURNS (str): One of `PHASES`.
    """
    if any(_matches(frame, OPTIMISER) for frame in stack):
        return "optimiser"
    phase = next(filter(None, map(_rule_of, stack)), "python")
    if phase in ("forward", "python") and any(_matches(frame, BACKWARD) for frame in stack):
        return "backward"
    return phase


def _matches(frame: Frame, rules: Sequence[tuple[str, str]]) -> bool:
    file, function, _ = frame
    return any(part in file and (not name or name == function) for part, name in rules)


def _rule_of(frame: Frame) -> str:
    """RETURNS (str): The phase the first fitting rule names, "" if none fits."""
    file, function, component = frame
    for phase, part, name in RULES:
        if part in file and (not name or name == function):
            return phase
    return "heads" if component and component != ENCODER_COMPONENT else ""
