"""Our components in two processes that are started anew, as on Windows and macOS."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .helpers import TOK2VEC, annotated, blank, cats_of, classifier, model, tagger, train

LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": 32, "upstream": "tok2vec"}
SPAWN = """
import json, multiprocessing, sys
import spacy

def content(doc):
    return {"ents": [[e.text, e.label_, e._.confidence] for e in doc.ents], "heads": doc._.heads,
            "decisions": doc._.decisions, "scores": doc._.scores, "abstained": doc._.abstained}

if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    nlp = spacy.load(sys.argv[1])
    texts = json.loads(sys.argv[2])
    for n_process in (1, 2):
        docs = nlp.pipe(texts, n_process=n_process, batch_size=2)
        print(json.dumps([content(doc) for doc in docs]))
"""


@pytest.mark.slow
def test_two_processes_give_what_one_gives(tmp_path: Path) -> None:
    sets = {"resources": ["人物"], "technologies": ["技术"]}
    nlp = blank(
        "zh",
        ("tok2vec", {"model": TOK2VEC}),
        ("xinzhi_ner", {"model": tagger(tok2vec=LISTENER), "threshold": 0.5}),
        ("xinzhi_cats", {"model": classifier(tok2vec=LISTENER), "abstain_below": 0.9}),
        ("xinzhi_score", {"model": model("xinzhi.DocRegressor.v1", tok2vec=LISTENER)}),
    )
    interaction = model("xinzhi.InteractionRegressor.v1", tok2vec=LISTENER, **sets)
    config = {"model": interaction, "scores": {"y": {}}}
    nlp.add_pipe("xinzhi_score", name="productivity", config=config)
    text, ents = "李雷用智慧停车平台。", [(0, 2, "人物"), (3, 7, "技术")]
    gold = {
        "ents": ents,
        "cats": cats_of({"topic": "交通", "mood": "好", "tags": "a"}),
        "scores": {"y": 1.0, "满意度": 3.0},
    }
    other = {"ents": [], "cats": cats_of({"topic": "其他", "mood": "坏"}), "scores": {"y": 2.0}}
    train(nlp, [annotated(nlp, text, **gold), annotated(nlp, "没有。", **other)], steps=15)
    nlp.to_disk(tmp_path / "模型 1")
    script = tmp_path / "spawn.py"
    script.write_text(SPAWN, encoding="utf8")
    texts = [text, "没有。", "", "李雷也没有。", text]
    command = [sys.executable, str(script), str(tmp_path / "模型 1"), json.dumps(texts)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    one, two = (json.loads(line) for line in done.stdout.strip().splitlines()[-2:])
    assert one[0]["ents"]
    assert set(one[0]["scores"]) == {"y", "满意度"}
    for a, b in zip(one, two, strict=True):
        assert [ent[:2] for ent in a["ents"]] == [ent[:2] for ent in b["ents"]]
        assert [e[2] for e in a["ents"]] == pytest.approx([e[2] for e in b["ents"]], abs=1e-5)
        assert a["decisions"] == b["decisions"]
        assert a["abstained"].keys() == b["abstained"].keys()
        assert a["scores"] == pytest.approx(b["scores"], abs=1e-5)
        for head, probs in a["heads"].items():
            assert probs == pytest.approx(b["heads"][head], abs=1e-5)
