"""Real files of annotation tools and public corpora, if a folder of them is at hand.

XINZHI_CORPORA names a folder with `exports/` and `public/`; the counts are of those files.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from xinzhi.corpora.formats import ReadOptions

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))
from import_all import count

CORPORA = os.environ.get("XINZHI_CORPORA", "")
pytestmark = pytest.mark.skipif(not CORPORA, reason="XINZHI_CORPORA is not set")

# file: format, records, entities, relations, records left out
EXPORTS = {
    "brat/000-introduction.txt": ("brat", 1, 7, 3, 0),
    "brat/PMID-8808606.txt": ("brat", 1, 7, 0, 0),
    "conll/en_wnut17_bio.tsv": ("conll", 1009, 836, 0, 0),
    "conll/zh_demo.dev.char.bmes": ("conll", 114, 218, 0, 0),
    "conll/zh_weibo_bio.conll": ("conll", 270, 389, 0, 0),
    "doccano/seqlab_export.jsonl": ("jsonl", 3, 4, 0, 0),
    "doccano/seqlab_overlapping.jsonl": ("jsonl", 1, 2, 0, 0),
    "doccano/textclass_export.jsonl": ("doccano", 3, 0, 0, 0),
    "doccano/textclass_utf16.csv": ("csv", 3, 0, 0, 0),
    "doccano/zh_user_export_uie-finetune.jsonl": ("doccano", 35, 67, 27, 0),
    "label_studio/json_min_choices_excerpt.json": ("label-studio-min", 3, 0, 0, 0),
    "label_studio/json_zh_ner_relations_excerpt.json": ("label-studio", 2, 8, 6, 0),
    "label_studio/ner_old_completions_348.json": ("label-studio", 1, 38, 0, 0),
    "prodigy/annotated_news_headlines-ORG-PERSON-LOCATION-ner.jsonl": ("prodigy", 372, 303, 0, 1),
    "spacy_v2/cooking.json": ("spacy-json", 10, 0, 0, 0),
    "spacy_v2/ner-token-per-line.iob": ("conll", 1, 7, 0, 0),
    "spacy_v2/training-data.json": ("spacy-json", 1, 11, 0, 0),
    "webanno/tsv33_emoji.tsv": ("webanno", 1, 1, 0, 0),
    "webanno/tsv33_stacked.tsv": ("webanno", 1, 10, 0, 0),
}
# folder: records of train, dev and test; entities of all three; gold labels of all three
PUBLIC = {
    "banking77": ((10003, 0, 3080), 0, 13083),
    "bdci_car_2018": ((10056, 1266, 1250), 0, 12572),
    "bustm_fewclue_pairs": ((160, 160, 1772), 0, 2092),
    "cluener2020": ((10748, 1343, 0), 27044, 0),
    "smp2019_ecdt_nlu": ((2065, 257, 257), 3327, 2579),
    "tnews_fewclue": ((1185, 1098, 2010), 0, 4293),
    "waimai_10k": ((9591, 1198, 1198), 0, 11987),
    "weibo_ner": ((1350, 270, 270), 2702, 0),
    "wnut17": ((3394, 1009, 1287), 3890, 0),
    "zh_fin_news_sentiment": ((5844, 0, 2400), 0, 8244),
}


@pytest.mark.parametrize(("name", "expected"), EXPORTS.items())
def test_exports_of_annotation_tools(name: str, expected: tuple[str, int, int, int, int]) -> None:
    counts = count(Path(CORPORA, "exports", name), ReadOptions())
    skipped = counts.problems["skipped"]
    assert (counts.format, counts.records, counts.spans, counts.relations, skipped) == expected
    assert counts.problems["error"] == 0


def test_every_export_has_its_counts() -> None:
    folder = Path(CORPORA, "exports")
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert {name for name in files if not name.endswith(".ann")} == set(EXPORTS)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "expected"), PUBLIC.items())
def test_public_corpora(name: str, expected: tuple[tuple[int, int, int], int, int]) -> None:
    folder = Path(CORPORA, "public", name)
    parts = {path.stem: count(path, ReadOptions()) for path in folder.glob("*.jsonl")}
    records = tuple(parts[p].records if p in parts else 0 for p in ("train", "dev", "test"))
    spans = sum(counts.spans for counts in parts.values())
    labels = sum(counts.cats.total() for counts in parts.values())
    assert (records, spans, labels) == expected
    assert all(counts.problems["error"] == 0 for counts in parts.values())
