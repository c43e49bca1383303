"""New labels are learned, old ones are kept, and a harmful update is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import DocBin
from spacy.vocab import Vocab
from typer.testing import CliRunner

from xinzhi.cli import app
from xinzhi.errors import XinzhiError
from xinzhi.evaluation.evaluate import evaluate
from xinzhi.registry import Registry
from xinzhi.update import Options, update

from ..small import make_doc

QUICK = Options(epochs=6, learn_rate=0.005, encoder_scale=1.0, resamples=199, distillation=1.0)
SHORT = replace(QUICK, epochs=1, distillation=0.0)


@pytest.fixture(scope="module")
def updated(made: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """An update with a new entity label and a new label of a head, promoted in a registry."""
    folder = tmp_path_factory.mktemp("更新")
    registry = Registry(folder / "registry")
    registry.promote("small", registry.add(made / "pipeline", "small").version)
    report = update(
        made / "pipeline",
        made / "new.spacy",
        folder / "out",
        replay=made / "old.spacy",
        test=made / "test.spacy",
        options=QUICK,
        registry=registry.root,
        name="small",
    )
    return folder, report


def test_new_labels_are_learned_and_old_ones_kept(
    made: Path, updated: tuple[Path, dict[str, Any]]
) -> None:
    folder, report = updated
    assert report["verdict"]["passed"], report["verdict"]["reasons"]
    before = evaluate(made / "pipeline", made / "test.spacy")
    after = evaluate(folder / "out" / "model", made / "test.spacy")
    for label in ("SERVICE", "PLACE"):
        old = before["entities"]["labels"][label]["f1"]
        assert after["entities"]["labels"][label]["f1"] >= old - 0.02
    assert after["entities"]["labels"]["TOOL"]["f1"] > 0.8
    assert after["heads"]["mood"]["labels"]["new"]["f1"] > 0.8
    assert [row["label"] for row in report["verdict"]["new"]] == ["entities/TOOL", "heads/mood/new"]
    assert {row["label"] for row in report["verdict"]["old"]} == {
        *("entities/PLACE", "entities/SERVICE", "heads/mood/neg", "heads/mood/pos")
    }


def test_what_is_promoted(updated: tuple[Path, dict[str, Any]]) -> None:
    folder, report = updated
    registry = Registry(folder / "registry")
    assert registry.current("small") == report["version"] == "2"
    assert registry.versions("small")[-1].parent == "1"
    nlp = spacy.load(registry.path("small"))
    assert nlp.meta["name"] == "small"
    assert nlp.get_pipe("xinzhi_ner").labels[:2] == ("PLACE", "SERVICE")  # the old ones stay first
    written = json.loads((folder / "out" / "report.json").read_text(encoding="utf8"))
    assert written == json.loads(json.dumps(report))
    page = (folder / "out" / "report.html").read_text(encoding="utf8")
    text = (folder / "out" / "report.md").read_text(encoding="utf8")
    assert all("heads/mood/new" in output for output in (page, text))
    assert "src=" not in page
    assert not (folder / "out" / "candidate").exists()


@pytest.mark.slow
def test_the_promoted_model_can_be_updated_again(
    made: Path, updated: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    report = update(
        updated[0] / "out" / "model", made / "new.spacy", tmp_path / "out", options=SHORT
    )
    assert report["labels"]["new"] == {"entities": [], "cats": [], "heads": []}
    assert report["texts"]["held_out"] + report["texts"]["trained_new"] == 60


def poison(source: Path, target: Path) -> Path:
    """Write a corpus with the labels of its entities and heads moved on by one."""
    docs = list(DocBin().from_disk(source).get_docs(Vocab()))
    names = ["SERVICE", "PLACE", "TOOL"]
    for number, doc in enumerate(docs):
        moved = [names[(names.index(e.label_) + 1 + number % 2) % 3] for e in doc.ents]
        spans = [(e.start_char, e.end_char) for e in doc.ents]
        found = zip(spans, moved, strict=True)
        doc.set_ents([doc.char_span(*span, label=label) for span, label in found])
        keys = list(doc.cats)
        doc.cats = {key: doc.cats[keys[i - 1]] for i, key in enumerate(keys)}
    DocBin(docs=docs).to_disk(target)
    return target


def test_a_poisoned_update_is_refused(made: Path, tmp_path: Path) -> None:
    bad = poison(made / "new.spacy", tmp_path / "bad.spacy")
    arguments = ["update", str(made / "pipeline"), str(bad), "-o", str(tmp_path / "out")]
    arguments += ["--replay", str(made / "old.spacy"), "--test", str(made / "test.spacy")]
    arguments += ["--epochs", "3", "--learn-rate", "0.005", "--distillation", "0"]
    arguments += ["--registry", str(tmp_path / "registry"), "--name", "small"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 4, result.output
    assert "Update refused" in result.output
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf8"))
    assert report["model"] is report["version"] is None
    assert report["verdict"]["reasons"]
    assert (tmp_path / "out" / "candidate" / "config.cfg").is_file()
    assert not (tmp_path / "out" / "model").exists()
    assert Registry(tmp_path / "registry").names() == []


def test_nothing_is_promoted_over_what_was_not_compared(
    made: Path, updated: tuple[Path, dict[str, Any]]
) -> None:
    registry = Registry(updated[0] / "registry")
    version = registry.add(made / "pipeline", "small").version
    with pytest.raises(XinzhiError, match="not at version 1 any more but at 2"):
        registry.promote("small", version, instead_of="1")
    assert registry.current("small") == "2"


def docbin(path: Path, *docs: Any) -> Path:
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


def test_only_what_is_served_is_updated_into_a_registry(
    made: Path, updated: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """The gate compares with the pipeline that it is given: it has to be the one it replaces."""
    registry = updated[0] / "registry"
    with pytest.raises(XinzhiError, match="is not what 'small' serves: that is version 2"):
        update(made / "pipeline", made / "new.spacy", tmp_path, registry=registry, name="small")
    assert not list(tmp_path.iterdir())


def test_bad_input(made: Path, tmp_path: Path) -> None:
    vocab = Vocab()
    good = made / "new.spacy"
    bare = docbin(tmp_path / "bare.spacy", spacy.blank("zh")("一网通办"))
    none = docbin(tmp_path / "none.spacy")
    score = make_doc(vocab, 1, ("SERVICE",), ("pos",))
    score.cats = {"urgent/yes": 3.0}
    wrong = docbin(tmp_path / "wrong.spacy", score)
    single = docbin(tmp_path / "single.spacy", make_doc(vocab, 1, ("SERVICE",), ("pos",)))
    broken = tmp_path / "broken.spacy"
    broken.write_bytes(b"x")
    pipeline = made / "pipeline"
    for new, arguments, said in (
        (tmp_path / "nowhere.spacy", {}, "Corpus not found"),
        (broken, {}, "not a DocBin file"),
        (none, {}, "holds no documents"),
        (bare, {}, "1 of 1 documents in .* carry no annotation"),
        (wrong, {}, "is 3.0"),
        (single, {}, "1 texts are too few"),
        (good, {"test": good}, "60 texts of .* are in .*, too"),
        (good, {"replay": broken}, "not a DocBin file"),
        (good, {"registry": tmp_path}, "needs the registry and the name"),
    ):
        with pytest.raises(XinzhiError, match=said):
            update(pipeline, new, tmp_path / "out", **arguments)
    with pytest.raises(XinzhiError, match="Cannot load the pipeline"):
        update(tmp_path / "none", good, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_with_a_report_is_not_overwritten(
    made: Path, updated: tuple[Path, dict[str, Any]]
) -> None:
    with pytest.raises(XinzhiError, match="report of another update"):
        update(made / "pipeline", made / "new.spacy", updated[0] / "out")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"replay_method": "all"}, "no replay method 'all'"),
        ({"epochs": 0}, "epochs = 0"),
        ({"margin": -0.1}, "margin = -0.1"),
        ({"trust": 2.0}, "trust = 2.0"),
        ({"hold_out": 0.0}, "hold out = 0.0"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(XinzhiError, match=said):
        Options(**settings)


def test_a_new_head_a_text_without_entities_and_a_pipeline_that_has_moved(
    made: Path, tmp_path: Path
) -> None:
    """The encoder's own folder is not needed, and a new head is compared with a constant answer."""
    shutil.copytree(made / "pipeline", tmp_path / "moved")
    vocab = Vocab()
    docs = [make_doc(vocab, n, ("SERVICE", "PLACE"), ("pos", "neg")) for n in range(300, 360)]
    for number, doc in enumerate(docs):
        if number % 3 == 0:
            doc.set_ents([], default="missing")
        yes = doc.cats.pop("mood/pos")
        del doc.cats["mood/neg"]
        doc.cats |= {"urgent/yes": yes, "urgent/no": 1.0 - yes}
    new = docbin(tmp_path / "new.spacy", *docs)
    report = update(
        tmp_path / "moved",
        new,
        tmp_path / "out",
        replay=made / "old.spacy",
        options=replace(QUICK, epochs=4, replay_size=30),
    )
    assert report["labels"]["new"]["heads"] == [("urgent", True, ["no", "yes"])]
    assert [row["label"] for row in report["verdict"]["new"]] == ["heads/urgent"]
    assert report["verdict"]["new"][0]["b"] > 0.8
    texts = report["texts"]
    assert (texts["new"], texts["old"], texts["trained_old"]) == (60, 60, 30)
    assert 60 - texts["trained_new"] < texts["held_out"] < 30
    assert texts["completed"]["heads"] == texts["trained_new"]  # "mood", from the old pipeline
    assert texts["completed"]["entities"] > 0
