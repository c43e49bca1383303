"""Real files of annotation tools and public corpora, read without being told their format.

They are not part of the project. With a folder that holds them:

XINZHI_REAL_FILES=FOLDER pytest tests/corpora/test_real_files.py
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from xinzhi.corpora.check import check
from xinzhi.corpora.convert import convert
from xinzhi.corpora.formats import detect_format, read_records
from xinzhi.corpora.record import Record

FOLDER = os.environ.get("XINZHI_REAL_FILES")
pytestmark = pytest.mark.skipif(FOLDER is None, reason="needs XINZHI_REAL_FILES")
ROOT = Path(FOLDER or ".")

# File: format, records, records left out, entities, gold values of heads. For the public corpora
# these are also what a count of the JSON lines gives.
EXPECTED = {
    "exports/brat/000-introduction.ann": ("brat", 1, 0, 7, 0),
    "exports/brat/000-introduction.txt": ("brat", 1, 0, 7, 0),
    "exports/brat/PMID-8808606.ann": ("brat", 1, 0, 7, 0),
    "exports/brat/PMID-8808606.txt": ("brat", 1, 0, 7, 0),
    "exports/conll/en_wnut17_bio.tsv": ("conll", 1009, 0, 836, 0),
    "exports/conll/zh_demo.dev.char.bmes": ("conll", 114, 0, 218, 0),
    "exports/conll/zh_weibo_bio.conll": ("conll", 270, 0, 389, 0),
    "exports/doccano/seqlab_export.jsonl": ("jsonl", 3, 0, 4, 0),
    "exports/doccano/seqlab_overlapping.jsonl": ("jsonl", 1, 0, 2, 0),
    "exports/doccano/textclass_export.jsonl": ("doccano", 3, 0, 0, 3),
    "exports/doccano/textclass_utf16.csv": ("csv", 3, 0, 0, 3),
    "exports/doccano/zh_user_export_uie-finetune.jsonl": ("doccano", 35, 0, 67, 0),
    "exports/label_studio/json_min_choices_excerpt.json": ("label-studio-min", 3, 0, 0, 5),
    "exports/label_studio/json_zh_ner_relations_excerpt.json": ("label-studio", 2, 0, 8, 0),
    "exports/label_studio/ner_old_completions_348.json": ("label-studio", 1, 0, 38, 0),
    "exports/prodigy/annotated_news_headlines-ORG-PERSON-LOCATION-ner.jsonl": (
        "prodigy",
        372,
        1,
        303,
        0,
    ),
    "exports/spacy_v2/cooking.json": ("spacy-json", 10, 0, 0, 10),
    "exports/spacy_v2/ner-token-per-line.iob": ("conll", 1, 0, 7, 0),
    "exports/spacy_v2/training-data.json": ("spacy-json", 1, 0, 11, 0),
    "exports/webanno/tsv33_emoji.tsv": ("webanno", 1, 0, 1, 0),
    "exports/webanno/tsv33_stacked.tsv": ("webanno", 1, 0, 10, 0),
    "public/banking77/test.jsonl": ("jsonl", 3080, 0, 0, 3080),
    "public/banking77/train.jsonl": ("jsonl", 10003, 0, 0, 10003),
    "public/bdci_car_2018/dev.jsonl": ("jsonl", 1266, 0, 0, 1266),
    "public/bdci_car_2018/test.jsonl": ("jsonl", 1250, 0, 0, 1250),
    "public/bdci_car_2018/train.jsonl": ("jsonl", 10056, 0, 0, 10056),
    "public/bustm_fewclue_pairs/dev.jsonl": ("jsonl", 160, 0, 0, 160),
    "public/bustm_fewclue_pairs/test.jsonl": ("jsonl", 1772, 0, 0, 1772),
    "public/bustm_fewclue_pairs/train.jsonl": ("jsonl", 160, 0, 0, 160),
    "public/chatterbot_zh/train.jsonl": ("jsonl", 467, 0, 0, 467),
    "public/cluener2020/dev.jsonl": ("jsonl", 1343, 0, 3072, 0),
    "public/cluener2020/train.jsonl": ("jsonl", 10748, 0, 23972, 0),
    "public/movielens_latest_small/items.jsonl": ("jsonl", 9742, 0, 0, 0),
    "public/smp2019_ecdt_nlu/dev.jsonl": ("jsonl", 257, 0, 311, 257),
    "public/smp2019_ecdt_nlu/test.jsonl": ("jsonl", 257, 0, 345, 257),
    "public/smp2019_ecdt_nlu/train.jsonl": ("jsonl", 2065, 0, 2671, 2065),
    "public/tnews_fewclue/dev.jsonl": ("jsonl", 1098, 0, 0, 1098),
    "public/tnews_fewclue/test.jsonl": ("jsonl", 2010, 0, 0, 2010),
    "public/tnews_fewclue/train.jsonl": ("jsonl", 1185, 0, 0, 1185),
    "public/waimai_10k/dev.jsonl": ("jsonl", 1198, 0, 0, 1198),
    "public/waimai_10k/test.jsonl": ("jsonl", 1198, 0, 0, 1198),
    "public/waimai_10k/train.jsonl": ("jsonl", 9591, 0, 0, 9591),
    "public/weibo_ner/dev.jsonl": ("jsonl", 270, 0, 389, 0),
    "public/weibo_ner/test.jsonl": ("jsonl", 270, 0, 418, 0),
    "public/weibo_ner/train.jsonl": ("jsonl", 1350, 0, 1895, 0),
    "public/wnut17/dev.jsonl": ("jsonl", 1009, 0, 836, 0),
    "public/wnut17/test.jsonl": ("jsonl", 1287, 0, 1079, 0),
    "public/wnut17/train.jsonl": ("jsonl", 3394, 0, 1975, 0),
    "public/zh_fin_news_sentiment/test.jsonl": ("jsonl", 2400, 0, 0, 2400),
    "public/zh_fin_news_sentiment/train.jsonl": ("jsonl", 5844, 0, 0, 5844),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_detected_and_read(name: str) -> None:
    items = list(read_records(ROOT / name))
    records = [item for item in items if isinstance(item, Record)]
    left_out = sum(not isinstance(item, Record) and item.kind != "note" for item in items)
    spans = sum(len(record.spans or ()) + len(record.lost) for record in records)
    heads = sum(len(record.cats) for record in records)
    found = (detect_format(ROOT / name).name, len(records), left_out, spans, heads)
    assert found == EXPECTED[name]


def test_weibo_ner_is_reported_and_kept(tmp_path: Path) -> None:
    folder = ROOT / "public" / "weibo_ner"
    paths = [folder / f"{part}.jsonl" for part in ("train", "dev", "test")]
    report = convert(paths, tmp_path)
    counts = report.tally.to_dict()
    assert (counts["records"]["in"], counts["records"]["kept"]) == (1890, 1890)
    assert (counts["spans"]["in"], counts["spans"]["kept"]) == (2702, 2702)
    assert counts["records"]["reasons"]["note"]["U+FFFD"] == 22
    assert len(report.repeated) == 186
    assert sum(bool(item.conflicts) for item in report.repeated) == 58
    found = check([tmp_path / f"{path.stem}.spacy" for path in paths], near=False).findings
    facts = "\n".join(finding.fact for finding in found)
    assert "dev.spacy: 42 of 270 texts are in train" in facts
    assert "test.spacy: 40 of 270 texts are in train" in facts
    assert "Texts with conflicting annotations: 58" in facts
