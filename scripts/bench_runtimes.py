"""How fast other runtimes compute an encoder, against ours in bf16, in turns on one core.

    OMP_NUM_THREADS=1 python scripts/bench_runtimes.py assets/encoders/e5-small

A runtime that is not installed is left out: pip install openvino nncf onnx onnxruntime
(OpenVINO and NNCF with int8 weights and activations; ONNX Runtime with dynamic int8.)
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from xinzhi.encoders.loading import config_dict, load_encoder
from xinzhi.layers.encoder_runtime import make_runtime

SHAPES = [(64, 64), (8, 48), (1, 32)]  # texts, pieces of each
TURNS = 7
PIECES = 2048  # at least, per turn
OURS = "xinzhi bf16"
Encode = Callable[[torch.Tensor, torch.Tensor], Any]


class LastStates(torch.nn.Module):
    """Ids and mask in, vectors out: what the converters trace."""

    def __init__(self, transformer: torch.nn.Module) -> None:
        super().__init__()
        self.transformer = transformer

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        states: torch.Tensor = self.transformer(ids, attention_mask=mask).last_hidden_state
        return states


def ours(transformer: Any) -> dict[str, Encode]:
    """RETURNS (dict): Our runtime in both precisions."""
    config, state = config_dict(transformer), dict(transformer.state_dict())
    types = {"xinzhi fp32": torch.float32, OURS: torch.bfloat16}
    runtimes = {name: make_runtime(config, state, dtype, list) for name, dtype in types.items()}
    return {
        name: lambda ids, mask, run=run: run([(ids, mask.bool())]) for name, run in runtimes.items()
    }


def openvino(transformer: Any, example: tuple[torch.Tensor, torch.Tensor]) -> dict[str, Encode]:
    """RETURNS (dict): OpenVINO in fp32 and bf16, and with NNCF's int8."""
    import openvino as ov

    core = ov.Core()
    model = ov.convert_model(LastStates(transformer), example_input=example)

    def compiled(model: Any, precision: str) -> Encode:
        settings = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False}
        settings["INFERENCE_PRECISION_HINT"] = precision
        request = core.compile_model(model, "CPU", settings).create_infer_request()
        return lambda ids, mask: request.infer([ids.numpy(), mask.numpy()])

    encoders = {"OpenVINO fp32": compiled(model, "f32"), "OpenVINO bf16": compiled(model, "bf16")}
    try:
        import nncf
    except ImportError:
        return encoders
    rng = np.random.default_rng(0)
    ones = np.ones((4, 48), dtype=np.int64)
    samples = [[rng.integers(10, 5000, ones.shape), ones] for _ in range(8)]
    kind = nncf.ModelType.TRANSFORMER
    quantised = nncf.quantize(model, nncf.Dataset(samples), model_type=kind, subset_size=8)
    return encoders | {"OpenVINO int8 and bf16": compiled(quantised, "bf16")}


def onnx(transformer: Any, example: tuple[torch.Tensor, torch.Tensor]) -> dict[str, Encode]:
    """RETURNS (dict): ONNX Runtime in fp32 and with dynamic int8."""
    import onnxruntime
    from onnxruntime.quantization import quantize_dynamic

    axes = {0: "texts", 1: "pieces"}
    with tempfile.TemporaryDirectory() as folder:
        plain, small = Path(folder) / "plain.onnx", Path(folder) / "int8.onnx"
        torch.onnx.export(
            LastStates(transformer),
            example,
            str(plain),
            input_names=["ids", "mask"],
            dynamic_axes={"ids": axes, "mask": axes},
            dynamo=False,
        )
        quantize_dynamic(plain, small)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        providers = ["CPUExecutionProvider"]
        sessions = {
            name: onnxruntime.InferenceSession(str(file), options, providers=providers)
            for name, file in {"ONNX Runtime fp32": plain, "ONNX Runtime int8": small}.items()
        }
    return {
        name: lambda ids, mask, run=session.run: run(
            None, {"ids": ids.numpy(), "mask": mask.numpy()}
        )
        for name, session in sessions.items()
    }


def measure(encoders: dict[str, Encode], texts: int, pieces: int) -> dict[str, list[float]]:
    """RETURNS (dict): Milliseconds of processor time per call, one value per turn."""
    ids = torch.randint(10, 5000, (texts, pieces))
    mask = torch.ones_like(ids)
    calls = max(1, PIECES // (texts * pieces))
    times: dict[str, list[float]] = {name: [] for name in encoders}
    for encode in encoders.values():
        encode(ids, mask)
    for _ in range(TURNS):
        for name, encode in encoders.items():
            start = time.process_time()
            for _ in range(calls):
                encode(ids, mask)
            times[name].append((time.process_time() - start) / calls * 1e3)
    return times


def main() -> None:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("encoder")
    transformer = load_encoder(parser.parse_args().encoder).transformer.eval()
    torch.set_num_threads(1)
    example = (torch.randint(10, 5000, (2, 16)), torch.ones(2, 16, dtype=torch.long))
    encoders = ours(transformer)
    for others in (openvino, onnx):
        try:
            encoders |= others(transformer, example)
        except ImportError as err:
            print(f"left out: {err}", file=sys.stderr)
    with torch.inference_mode():
        columns = [measure(encoders, *shape) for shape in SHAPES]
    print("| ms | " + " | ".join(f"{texts} x {pieces}" for texts, pieces in SHAPES) + " |")
    print("| --- |" + " ---: |" * len(SHAPES))
    for name in encoders:
        cells = [f"{median(column[name]):.1f}" for column in columns]
        ratios = [
            median(a / b for a, b in zip(column[name], column[OURS], strict=True))
            for column in columns
        ]
        shown = [f"{cell} ({ratio:.2f})" for cell, ratio in zip(cells, ratios, strict=True)]
        print(f"| {name} | " + " | ".join(shown) + " |")


if __name__ == "__main__":
    main()
