"""What a worker does with its contender: functions over a Predictor or a Trainer."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from .contenders.base import Predictor, Trainer
from .flops import EncoderShape, PieceCount


def predict_seconds(predictor: Predictor, texts: list[str]) -> float:
    """RETURNS (float): Seconds to predict all texts."""
    return consume_seconds(predictor.stream(texts))


def consume_seconds(predictions: Iterable[Any]) -> float:
    """RETURNS (float): Seconds until a stream of predictions has ended; none is kept."""
    start = time.perf_counter()
    deque(predictions, maxlen=0)
    return time.perf_counter() - start


def single_seconds(predictor: Predictor, texts: list[str]) -> list[float]:
    """RETURNS (list): Seconds for each text, predicted on its own."""
    seconds = []
    for text in texts:
        start = time.perf_counter()
        predictor.one(text)
        seconds.append(time.perf_counter() - start)
    return seconds


def encode_seconds(predictor: Predictor, texts: list[str]) -> float:
    """RETURNS (float): Seconds for the encoder alone, with one batch of all texts."""
    start = time.perf_counter()
    predictor.encode(texts)
    return time.perf_counter() - start


def count_pieces(predictor: Predictor, texts: list[str]) -> PieceCount:
    """Predict all texts once and count the encoder's input.

    RETURNS (PieceCount): What was computed. If the encoder does not run in torch: what the
        tokenizer gives, with unknown padding.
    """
    from .counting import counted

    with counted(predictor.torch_encoder) as counter:
        predict_seconds(predictor, texts)
    if counter.count.sequences:
        return counter.count
    return PieceCount.of_lengths(predictor.lengths(texts), None)


def encoder_shape(contender: Predictor | Trainer) -> EncoderShape:
    """RETURNS (EncoderShape): The sizes of its encoder."""
    return EncoderShape.from_config(contender.torch_encoder.config)


def set_batch_size(contender: Predictor | Trainer, size: int) -> None:
    """Set the batch size."""
    contender.batch_size = size


def get(contender: Predictor | Trainer, *names: str) -> Any:
    """RETURNS (Any): An attribute, or a tuple of several."""
    values = tuple(getattr(contender, name) for name in names)
    return values if len(names) > 1 else values[0]


def epoch_seconds(trainer: Trainer) -> tuple[float, int]:
    """RETURNS (tuple): Seconds of one epoch, and its updates."""
    start = time.perf_counter()
    updates = trainer.epoch()
    return time.perf_counter() - start, updates


def count_epoch(trainer: Trainer) -> PieceCount:
    """RETURNS (PieceCount): What the encoder was given in one epoch."""
    from .counting import counted

    with counted(trainer.torch_encoder) as counter:
        trainer.epoch()
    return counter.count


def score(predictor: Predictor, corpus: Any) -> dict[str, float | None] | None:
    """RETURNS (dict | None): The scores on a corpus; None if the heads are not trained."""
    return predictor.score(corpus) if predictor.trained else None


def set_threads(_: object, threads: int) -> None:
    """Let torch use that many threads."""
    import torch

    torch.set_num_threads(threads)


def used_threads(_: object) -> int:
    """RETURNS (int): The threads torch uses now."""
    import torch

    return torch.get_num_threads()


def split_prediction(predictor: Predictor, texts: list[str]) -> dict[str, float]:
    """RETURNS (dict): Phase -> seconds of predicting all texts."""
    from .sampling import split_time

    return split_time(lambda: predict_seconds(predictor, texts))


def split_epoch(trainer: Trainer) -> dict[str, float]:
    """RETURNS (dict): Phase -> seconds of one epoch."""
    from .sampling import split_time

    return split_time(trainer.epoch)


def split_encoding(predictor: Predictor, texts: list[str], least: float = 0.5) -> dict[str, float]:
    """RETURNS (dict): Phase -> seconds of running the encoder on one batch, again and again until
    there was time enough (`least` seconds) to look where it goes."""
    from .sampling import split_time

    def encode() -> None:
        end = time.perf_counter() + least
        while time.perf_counter() < end:
            predictor.encode(texts)

    return split_time(encode)


def split_operations(predictor: Predictor, texts: list[str], most: int = 12) -> dict[str, float]:
    """Run the encoder on one batch under torch's profiler.

    RETURNS (dict): Operation -> its share (0 to 1) of the time spent in torch operations, the
        `most` costly ones and "other". Empty if nothing ran in torch.
    """
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        predictor.encode(texts)
    times = {event.key: event.self_cpu_time_total for event in profiler.key_averages()}
    total = sum(times.values())
    if not total:
        return {}
    ranked = sorted(times, key=times.__getitem__, reverse=True)
    shares = {key: times[key] / total for key in ranked[:most]}
    return shares | {"other": sum(times[key] for key in ranked[most:]) / total}


def texts_of_pieces(predictor: Predictor, text: str, pieces: int, count: int) -> list[str]:
    """Cut texts that are so many pieces long for this contender.

    text (str): What to cut from, from different places.
    pieces (int): Word pieces, special ones included.
    count (int): How many texts.
    RETURNS (list[str]): The texts, the longest possible that are not longer than that.
    """
    texts = []
    for i in range(count):
        rest = text[i * len(text) // count :] + text[: i * len(text) // count]
        low, high = 1, min(len(rest), 8 * pieces)
        while low < high:
            middle = (low + high + 1) // 2
            fits = predictor.lengths([rest[:middle]])[0] <= pieces
            low, high = (middle, high) if fits else (low, middle - 1)
        texts.append(rest[:low])
    return texts


def encoder_count(predictor: Predictor, texts: list[str]) -> PieceCount:
    """RETURNS (PieceCount): The pieces of one batch by the tokenizer, without padding."""
    return PieceCount.of_lengths(predictor.lengths(texts), None)
