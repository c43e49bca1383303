"""Before a run: is everything there, and if not, which command makes it?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ..errors import XinzhiError
from ..files import replaced_folder
from .contenders import hugging_face
from .session import Session
from .settings import Paths, Settings

DEMO = "make demo (or: python -m spacy project run all)"
BUILD = "--build-stock (random heads: speed does not depend on the weights, scores are left out)"


def check_files(settings: Settings) -> None:
    """Check that all files a run needs are there.

    settings (Settings): The run.
    RAISES (XinzhiError): Some are not; all of them are named, each with the command that makes it.
    """
    missing = list(_missing(settings))
    if missing:
        raise XinzhiError(
            "Not there yet: " + ", ".join(str(path) for path, _ in missing),
            "\n  ".join(dict.fromkeys(f"Make {path}: {how}" for path, how in missing)),
        )


def _missing(settings: Settings) -> Iterator[tuple[Path, str]]:
    paths, loads = settings.paths, set(settings.only) & {"predict", "load"}
    if not (paths.encoder / "config.json").is_file():
        yield paths.encoder, "python -m spacy project run encoder"
    if loads and not (paths.ours / "config.cfg").is_file():
        yield paths.ours, DEMO
    if loads and not settings.build_stock and not (paths.stock / "config.cfg").is_file():
        yield paths.stock, f"python -m spacy project run stock, or add {BUILD}"
    for config in (paths.ours_config, paths.stock_config):
        if not config.is_file():
            yield config, "run in the project's folder"
    for corpus in (paths.train, paths.dev, paths.test):
        if not corpus.exists():
            yield corpus, "python -m spacy project run convert"


def make_pipelines(session: Session) -> Session:
    """Make what the run may make itself: a stock pipeline and a transformers model.

    session (Session): The run.
    RETURNS (Session): The same, with the paths of what was made.
    """
    settings = session.settings
    if not set(settings.only) & {"predict", "load"}:
        return session
    if settings.build_stock and not (settings.paths.stock / "config.cfg").is_file():
        session.progress.plan(1)
        session.progress.step("initialising a stock pipeline with random heads")
        folder = settings.paths.stock.parent / "untrained"
        with session.worker("stock", build_stock, settings.paths, folder):
            pass
        session = replace(
            session, settings=replace(settings, paths=replace(settings.paths, stock=folder))
        )
    _make_hf(session)
    return session


def _make_hf(session: Session) -> None:
    settings, folder = session.settings, hugging_face.folder(session.paths)
    if settings.fit_hf:
        session.progress.plan(1)
        session.progress.step(f"training the transformers model, {settings.fit_hf} updates")
        with session.worker("hf", fit_hf, settings.paths, settings.fit_hf):
            pass
    elif folder.name == "untrained":
        session.progress.plan(1)
        session.progress.step("saving a transformers model with a fresh head")
        with session.worker("hf", build_hf, settings.paths):
            pass


def build_stock(paths: Paths, folder: Path) -> None:
    """Initialise the stock pipeline and save it (to run in a worker)."""
    from spacy.training.initialize import init_nlp

    from .contenders.training_data import read_config

    nlp = init_nlp(read_config(paths.stock_config, paths))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with replaced_folder(folder) as work:
        nlp.to_disk(work)


def build_hf(paths: Paths) -> None:
    """Save a transformers model with a fresh head (to run in a worker)."""
    from .contenders.hf_training import build_untrained

    build_untrained(paths)


def fit_hf(paths: Paths, steps: int) -> None:
    """Train and save the transformers model (to run in a worker)."""
    from .contenders.hf_training import HuggingFaceTrainer

    HuggingFaceTrainer(paths, documents=0, steps=steps).fit(steps, paths.hf / "trained")
