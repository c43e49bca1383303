"""Our files in other people's readers, and other people's files in theirs and ours."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from spacy.cli.convert import convert as spacy_convert
from spacy.tokens import Doc, DocBin
from spacy.training.converters import conll_ner_to_docs, iob_to_docs, json_to_docs
from spacy.vocab import Vocab

from xinzhi.corpora.export import survey, writable_format
from xinzhi.corpora.formats import WriteOptions, read_records
from xinzhi.corpora.record import Record

DATA = Path(__file__).parents[2] / "data" / "formats"
TEXTS = [
    ("青禾市🙂一网通办，李明 Tony Hall 2024！", [(0, 3, "地点"), (4, 8, "服务"), (9, 11, "人")]),
    ("无实体的句子。", []),
    ("李明王芳", [(0, 2, "人"), (2, 4, "人")]),
]
Entities = list[tuple[str, str]]


def records() -> list[Record]:
    return [Record(n, text, Path("x"), n, spans=spans) for n, (text, spans) in enumerate(TEXTS, 1)]


def exported(folder: Path, name: str, file_name: str, scheme: str = "BIO") -> Path:
    path = folder / file_name
    options = survey(records(), WriteOptions(scheme=scheme))
    writable_format(name).write(records(), path, options, pytest.fail)
    return path


def ours(path: Path) -> tuple[str, Entities]:
    found = [item for item in read_records(path) if isinstance(item, Record)]
    ents = [(r.text[s:e], label) for r in found for s, e, label in sorted(r.spans or ())]
    return squeezed("".join(record.text for record in found)), [(squeezed(w), x) for w, x in ents]


def theirs(docs: Iterable[Doc]) -> tuple[str, Entities]:
    docs = list(docs)
    ents = [(squeezed(ent.text), ent.label_) for doc in docs for ent in doc.ents]
    return squeezed("".join(doc.text for doc in docs)), ents


def squeezed(text: str) -> str:
    """Without white space: spaCy's converters put a space after every token."""
    return "".join(text.split()).replace("``", '"').replace("''", '"')


def test_spacy_convert_reads_our_columns(tmp_path: Path) -> None:
    path = exported(tmp_path, "conll", "corpus.conll")
    spacy_convert(path, tmp_path, file_type="spacy", n_sents=1, converter="ner", silent=True)
    docs = list(DocBin().from_disk(tmp_path / "corpus.spacy").get_docs(Vocab()))
    assert theirs(docs) == ours(path)
    assert theirs(docs)[1] == [(t[s:e], x) for t, spans in TEXTS for s, e, x in spans]


@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
def test_seqeval_scores_our_columns(tmp_path: Path, scheme: str) -> None:
    seqeval_metrics = pytest.importorskip("seqeval.metrics")
    seqeval_scheme = pytest.importorskip("seqeval.scheme")
    text = exported(tmp_path, "conll", "corpus.conll", scheme).read_text(encoding="utf8")
    sentences = [block.splitlines() for block in text.strip().split("\n\n")]
    gold = [[line.split()[-1] for line in sentence] for sentence in sentences]
    found = [entity for tags in gold for entity in _seqeval_entities(tags, scheme)]
    assert [label for label, _, _ in found] == [x for _, spans in TEXTS for _, _, x in spans]
    mode = {"BIO": seqeval_scheme.IOB2, "BIOES": seqeval_scheme.IOBES}[scheme]
    guess = [[*gold[0][:-1], "O"], gold[1], ["O"] * len(gold[2])]
    assert seqeval_metrics.f1_score(gold, gold, mode="strict", scheme=mode) == 1.0
    recall = seqeval_metrics.recall_score(gold, guess, mode="strict", scheme=mode)
    assert recall == pytest.approx(3 / 5)


def _seqeval_entities(tags: list[str], scheme: str) -> list[tuple[str, int, int]]:
    from seqeval.scheme import IOB2, IOBES, Entities

    entities = Entities([tags], {"BIO": IOB2, "BIOES": IOBES}[scheme]).entities[0]
    return [(entity.tag, entity.start, entity.end) for entity in entities]


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("bio.conll", conll_ner_to_docs),
        ("iob1_tag_last.conll", conll_ner_to_docs),
        ("sentences.iob", iob_to_docs),
        ("spacy_v2.json", json_to_docs),
    ],
)
def test_spacys_converters_and_ours_agree(
    name: str, reader: Callable[..., Iterable[Doc]], tmp_path: Path
) -> None:
    path = DATA / name
    if name == "iob1_tag_last.conll":
        path = tmp_path / name
        rows = ["EU I-ORG", "rejects O", "German I-MISC", "", "Rome I-LOC", "Paris B-LOC", "", ""]
        path.write_text("\n".join(rows), encoding="utf8")
    text = path.read_text(encoding="utf8")
    assert theirs(reader(text, n_sents=1, no_print=True)) == ours(path)


def test_label_studios_converter_reads_our_tasks(tmp_path: Path) -> None:
    converter = pytest.importorskip("label_studio_sdk.converter")
    interface = pytest.importorskip("label_studio_sdk.label_interface")
    path = exported(tmp_path, "label-studio", "tasks.json")
    labeling = path.with_suffix(".xml").read_text(encoding="utf8")
    settings = interface.LabelInterface(labeling)
    settings.validate()
    for task in json.loads(path.read_text(encoding="utf8")):
        for annotation in task["annotations"]:
            assert settings.validate_annotation({"result": annotation["result"]})
    for name in ("JSON", "JSON_MIN"):
        work = converter.Converter(labeling, str(tmp_path))
        work.convert(str(path), str(tmp_path / name), name, is_dir=False)
        assert ours(tmp_path / name / "result.json") == ours(path)
