"""xinzhi_faq in a pipeline: answers, and every way to save it."""

from __future__ import annotations

import pickle
import shutil
import zipfile
from pathlib import Path

import pytest
import spacy
from spacy.language import Language

from xinzhi.apps.faq import Faq
from xinzhi.errors import XinzhiError
from xinzhi.packaging.verify import verify_wheel
from xinzhi.packaging.wheel import package_pipeline
from xinzhi.plain import ResultOptions, to_plain

TEXTS = ["医保卡丢了怎么补办", "给我讲个笑话", ""]


def pipeline(index: Path) -> Language:
    nlp = spacy.blank("zh")
    nlp.add_pipe("xinzhi_faq", config={"k": 2}).load_index(index)  # type: ignore[attr-defined]
    return nlp


def answers(nlp: Language) -> list[list[tuple[str, float]]]:
    docs = nlp.pipe(TEXTS, batch_size=2)
    return [[(a["id"], round(a["probability"], 6)) for a in doc._.answers] for doc in docs]


def test_answers_as_asked(built: Path) -> None:
    nlp = pipeline(built)
    faq = Faq.load(built)
    for doc in nlp.pipe(TEXTS):
        assert doc._.reply["decision"] == faq.ask(doc.text)["decision"]
        assert len(doc._.answers) == (0 if doc._.reply["decision"] == "none" else 2)
    doc = nlp(TEXTS[0])
    assert to_plain(doc, ResultOptions())["answers"] == doc._.answers


def test_saved_with_the_pipeline(built: Path, tmp_path: Path) -> None:
    index = Path(shutil.copytree(built, tmp_path / "index"))
    nlp = pipeline(index)
    nlp.to_disk(tmp_path / "saved")
    content = nlp.to_bytes()
    expected = answers(nlp)
    shutil.rmtree(index)
    (tmp_path / "saved").rename(tmp_path / "另处")
    loaded = spacy.load(tmp_path / "另处")
    again = spacy.blank("zh")
    again.add_pipe("xinzhi_faq", config={"k": 2})
    again.from_bytes(content)
    assert answers(loaded) == answers(again) == expected
    assert spacy.blank("zh").from_bytes(spacy.blank("zh").to_bytes())("好")
    with pytest.raises(XinzhiError, match="has gone since it was loaded"):
        nlp.to_disk(tmp_path / "again")


def test_saved_over_itself(built: Path, tmp_path: Path) -> None:
    pipeline(built).to_disk(tmp_path)
    nlp = spacy.load(tmp_path)
    expected = answers(nlp)
    nlp.to_disk(tmp_path)
    assert answers(spacy.load(tmp_path)) == expected


def test_sent_to_another_process(built: Path) -> None:
    """As nlp.pipe(n_process=2) does where processes are spawned."""
    nlp = pipeline(built)
    again = pickle.loads(pickle.dumps(nlp.get_pipe("xinzhi_faq")))
    assert again(nlp.make_doc(TEXTS[0]))._.reply == nlp(TEXTS[0])._.reply


@pytest.mark.slow
def test_in_a_wheel(built: Path, tmp_path: Path) -> None:
    """A new environment without xinzhi gives the same answers, in two processes, too."""
    folder = tmp_path / "pipeline"
    pipeline(built).to_disk(folder)
    wheel = package_pipeline(folder, tmp_path, name="faq", version="0.1.0")
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read("zh_faq-0.1.0.dist-info/METADATA").decode("utf8")
    assert "Requires-Dist: scipy>=1.11\n" in metadata
    report = verify_wheel(wheel, TEXTS[:2], pipeline=folder, offline=True)
    assert report["documents"] == 2


def test_the_index_from_a_config(built: Path) -> None:
    nlp = spacy.blank("zh")
    nlp.add_pipe("xinzhi_faq")
    with pytest.raises(XinzhiError, match="'xinzhi_faq' has no index"):
        nlp("医保")
    nlp.config["initialize"]["components"]["xinzhi_faq"] = {"index": str(built)}
    nlp.initialize()
    assert nlp(TEXTS[0])._.answers
