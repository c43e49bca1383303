"""What to measure, and on which files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import XinzhiError
from .machine import available_cores

MEASURES = ("predict", "train", "load")
SMARTCITY = (Path("assets/smartcity/dev.jsonl"), Path("assets/smartcity/test.jsonl"))


@dataclass(frozen=True)
class Paths:
    """Where everything is; relative to the project's folder by default.

    ours, stock (Path): Trained pipelines.
    hf (Path): Folder of the transformers models: `trained` and `untrained` in it.
    encoder (Path): The encoder all of them start from, as a Hugging Face folder.
    ours_config, stock_config (Path): Training configs.
    train, dev, test (Path): .spacy corpora.
    wheels (Path): Folder of built packages.
    """

    ours: Path = Path("training/smartcity/model-best")
    stock: Path = Path("training/stock/model-best")
    hf: Path = Path("training/hf")
    encoder: Path = Path("assets/encoders/e5-small")
    ours_config: Path = Path("configs/smartcity.cfg")
    stock_config: Path = Path("configs/stock.cfg")
    train: Path = Path("corpus/smartcity/train.spacy")
    dev: Path = Path("corpus/smartcity/dev.spacy")
    test: Path = Path("corpus/smartcity/test.spacy")
    wheels: Path = Path("packages")


@dataclass(frozen=True)
class Settings:
    """One benchmark run.

    paths (Paths): The files.
    documents (dict): Name -> JSONL files with a "text" per line, to predict. The first is the one
        the ratios are about.
    only (tuple): Which of `MEASURES`.
    rounds (int): Turns of every contender.
    threads (int): Threads of every contender.
    train_documents (int): Documents of one training turn, 0: all.
    latency_documents (int): Documents predicted one by one in every round.
    cold_documents (int): Documents a new process predicts before its memory is read.
    fit_hf (int): First train the transformers model for so many updates, for its scores.
    build_stock (bool): Where the stock pipeline is missing, initialise one with random heads.
    profile (bool): Split the time into phases.
    scaling (bool): Measure cost against document length, corpus size and threads.
    stream (tuple): Numbers of documents to send through `nlp.pipe`, for its memory.
    """

    paths: Paths = field(default_factory=Paths)
    documents: dict[str, tuple[Path, ...]] = field(default_factory=lambda: {"smartcity": SMARTCITY})
    only: tuple[str, ...] = MEASURES
    rounds: int = 5
    threads: int = 1
    train_documents: int = 96
    latency_documents: int = 20
    cold_documents: int = 128
    fit_hf: int = 0
    build_stock: bool = False
    profile: bool = False
    scaling: bool = False
    stream: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        unknown = [name for name in self.only if name not in MEASURES]
        if unknown or not self.only:
            raise XinzhiError(
                f"There is no measure '{', '.join(unknown)}'.",
                f"Give --only some of: {','.join(MEASURES)}",
            )
        for name in ("rounds", "threads", "latency_documents", "cold_documents"):
            if getattr(self, name) < 1:
                raise XinzhiError(
                    f"{name} = {getattr(self, name)} is not valid.", "Give a number above 0."
                )


def make_settings(
    paths: Paths, documents: list[str], only: str, stream: str, threads: int, **rest: Any
) -> Settings:
    """Make settings of what stands on a command line.

    paths (Paths): The files.
    documents (list): NAME=FILE.jsonl[,FILE.jsonl], none: the smartcity texts.
    only (str): Measures, separated by commas; none: all.
    stream (str): Numbers of documents, separated by commas.
    threads (int): 0: all cores.
    rest (Any): Other settings as they are.
    RETURNS (Settings): The settings.
    RAISES (XinzhiError): One is not valid.
    """
    return Settings(
        paths=paths,
        documents=parse_documents(documents),
        only=tuple(part.strip() for part in only.split(",") if part.strip()) or MEASURES,
        stream=parse_numbers(stream, "--stream"),
        threads=threads or available_cores(),
        **rest,
    )


def make_paths(corpus: Path | None = None, **given: Path | None) -> Paths:
    """RETURNS (Paths): The usual files, but those that are given; `corpus` is a folder with
    train.spacy, dev.spacy and test.spacy."""
    chosen = {name: path for name, path in given.items() if path is not None}
    if corpus is not None:
        chosen |= {name: corpus / f"{name}.spacy" for name in ("train", "dev", "test")}
    return Paths(**chosen)


def parse_numbers(value: str, option: str) -> tuple[int, ...]:
    """RETURNS (tuple): Whole numbers above 0, separated by commas.

    RAISES (XinzhiError): Something else.
    """
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if not all(part.isdecimal() and int(part) for part in parts):
        raise XinzhiError(f"{option} {value}: not whole numbers above 0.", "Example: 10000,100000")
    return tuple(int(part) for part in parts)


def parse_documents(values: list[str]) -> dict[str, tuple[Path, ...]]:
    """Read NAME=FILE.jsonl[,FILE.jsonl] arguments.

    values (list): The arguments; none: the smartcity texts.
    RETURNS (dict): Name -> files.
    RAISES (XinzhiError): One has no name or no file.
    """
    documents: dict[str, tuple[Path, ...]] = {}
    for value in values:
        name, _, files = value.partition("=")
        paths = tuple(Path(file) for file in files.split(",") if file)
        if not name or not paths:
            raise XinzhiError(
                f"--documents {value}: not of the form NAME=FILE.jsonl[,FILE.jsonl].",
                "Example: --documents reviews=data/reviews.jsonl",
            )
        documents[name] = paths
    return documents or {"smartcity": SMARTCITY}
