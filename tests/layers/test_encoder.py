"""`xinzhi.Encoder.v1` as a user meets it: in a pipeline, on any text, saved and loaded."""

from __future__ import annotations

import json
import pickle
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import spacy
import torch
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example

from tests.util import KINDS, TEXTS, WIDTH
from xinzhi.errors import XinzhiError
from xinzhi.layers.encoder import HAN_MODES, encode_by_doc
from xinzhi.layers.encoder_store import read_metadata

MakeEncoder = Callable[..., Path]
ZH = [("城市大脑和一网通办都很好", [(0, 4, "A"), (5, 9, "B")]), ("智能客服真方便", [(0, 4, "B")])]
EN = [("The smart city platform went live", [(4, 14, "A")]), ("new service", [(0, 11, "B")])]
LISTENER = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "grad_factor": 1.0,
    "pooling": {"@layers": "reduce_mean.v1"},
}
NER = {
    "@architectures": "spacy.TransitionBasedParser.v2",
    "state_type": "ner",
    "extra_state_tokens": False,
    "hidden_width": 64,
    "maxout_pieces": 2,
    "use_upper": False,
    "tok2vec": LISTENER,
}


def make_nlp(encoder: Path, lang: str = "zh", **settings: object) -> Language:
    nlp = spacy.blank(lang)
    model = {"@architectures": "xinzhi.Encoder.v1", "name": str(encoder)} | settings
    nlp.add_pipe("transformer", config={"model": model})
    nlp.add_pipe("ner", config={"model": NER})
    return nlp


def examples_of(nlp: Language, data: list) -> list[Example]:
    return [Example.from_dict(nlp.make_doc(text), {"entities": ents}) for text, ents in data]


def train(nlp: Language, data: list, steps: int = 120) -> None:
    examples = examples_of(nlp, data)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.002
    for _ in range(steps):
        nlp.update(examples, sgd=optimizer)


def vectors(doc: Doc) -> np.ndarray:
    return doc._.trf_data.model_output.last_hidden_state


@pytest.fixture
def initialized(tiny_encoder: MakeEncoder) -> Language:
    nlp = make_nlp(tiny_encoder(), window=30, overlap=8)
    nlp.initialize(lambda: examples_of(nlp, ZH))
    return nlp


@pytest.mark.parametrize(("lang", "data"), [("zh", ZH), ("en", EN)])
@pytest.mark.parametrize(
    ("kind", "han"),
    [("unigram", "rank"), ("unigram", "isolate"), ("wordpiece", "rank"), ("bpe", "isolate")],
)
def test_overfitting_io(
    tiny_encoder: MakeEncoder, tmp_path: Path, kind: str, han: str, lang: str, data: list
) -> None:
    nlp = make_nlp(tiny_encoder(kind), lang, han=han, train_precision="fp32")
    train(nlp, data, steps=240)
    texts = [text for text, _ in data]
    expected = [[(e.start_char, e.end_char, e.label_) for e in nlp(t).ents] for t in texts]
    assert expected == [ents for _, ents in data]
    nlp.to_disk(tmp_path / "智 慧")
    by_bytes = spacy.blank(lang).from_config(nlp.config).from_bytes(nlp.to_bytes())
    for loaded in (spacy.load(tmp_path / "智 慧"), by_bytes):
        for ours, theirs in zip(loaded.pipe(texts), nlp.pipe(texts), strict=True):
            assert [(e.start_char, e.end_char, e.label_) for e in ours.ents] == [
                (e.start_char, e.end_char, e.label_) for e in theirs.ents
            ]
            np.testing.assert_array_equal(vectors(ours), vectors(theirs))


@pytest.mark.parametrize("han", HAN_MODES)
def test_every_han_mode_learns_and_gives_a_vector_per_token(
    tiny_encoder: MakeEncoder, han: str
) -> None:
    nlp = make_nlp(tiny_encoder(), han=han, train_precision="fp32")
    optimizer = nlp.initialize(lambda: examples_of(nlp, ZH))
    module = nlp.get_pipe("transformer").model.shims[0]._model
    before = {k: v.clone() for k, v in module.state_dict().items()}
    for _ in range(3):  # the parser's first gradient is zero, its weights being zero
        nlp.update(examples_of(nlp, ZH), sgd=optimizer)
    changed = {k for k, v in module.state_dict().items() if not v.equal(before[k])}
    assert any(k.startswith("transformer.") for k in changed)
    assert ("ranks.weight" in changed) == (han == "rank")
    doc = nlp(TEXTS[0])
    assert (doc._.trf_data.align.lengths > 0).all()


def test_han_vectors_are_distinct_only_when_kept_apart(tiny_encoder: MakeEncoder) -> None:
    distinct = {}
    for han in ("isolate", "merge"):
        nlp = make_nlp(tiny_encoder(), han=han, trim=False)
        nlp.initialize(lambda nlp=nlp: examples_of(nlp, ZH))
        align = nlp("一网通办服务市民")._.trf_data.align
        rows = np.split(align.dataXd, np.cumsum(align.lengths)[:-1])
        distinct[han] = len({tuple(r.tolist()) for r in rows})
    assert distinct["isolate"] == 8 > distinct["merge"]


def test_vector_of_a_window_does_not_depend_on_its_neighbours_in_the_batch(
    initialized: Language,
) -> None:
    alone = vectors(initialized(TEXTS[0]))
    together = vectors(list(initialized.pipe([*TEXTS[3:6], TEXTS[0], "", "长" * 200]))[3])
    np.testing.assert_allclose(alone, together, atol=1e-5)


def test_short_document_equals_a_plain_transformers_forward(tiny_encoder: MakeEncoder) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = tiny_encoder("wordpiece")
    nlp = make_nlp(folder, "en", trim=False, han="merge")
    nlp.initialize(lambda: examples_of(nlp, EN))
    text = "The smart city platform went live"
    batch = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    batch.pop("token_type_ids", None)
    with torch.no_grad():
        expected = AutoModel.from_pretrained(folder).eval()(**batch).last_hidden_state[:, 1:-1]
    np.testing.assert_allclose(vectors(nlp(text)), expected.numpy(), atol=1e-5)


@pytest.mark.parametrize("han", ["rank", "isolate"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\n",
        "\r\n" * 1000,
        "😀" * 5000,
        "词" * 5000,
        "a" * 10000,
        "👨‍👩‍👧\u200b ㎏",
        "1" * 10000,
    ],
)
def test_any_text_of_any_length(tiny_encoder: MakeEncoder, kind: str, han: str, text: str) -> None:
    nlp = make_nlp(tiny_encoder(kind), han=han)
    nlp.initialize(lambda: examples_of(nlp, ZH))
    doc = nlp(text)
    assert doc.text == text
    if len(doc):
        data = doc._.trf_data
        assert len(data.align.lengths) == len(doc)
        rows = len(data.wordpieces.input_ids[0])
        if han == "rank":  # a vector for every token of every piece
            rows = len(data.align.dataXd)
        assert vectors(doc).shape[1:] == (rows or 1, WIDTH)
        assert np.isfinite(vectors(doc)).all()


@pytest.mark.slow
def test_one_megabyte_of_unspaced_chinese(initialized: Language) -> None:
    text = "智慧城市建设稳步推进" * 34_000  # 1.02 MB of UTF-8
    initialized.max_length = len(text)
    transformer = initialized.get_pipe("transformer")
    doc = transformer(initialized.make_doc(text))
    assert (doc._.trf_data.align.lengths > 0).all()


def test_training_keeps_the_activations_of_one_group_only(tiny_encoder: MakeEncoder) -> None:
    """A long document in several groups: the same vectors and gradients, less memory."""
    text = "智慧城市建设稳步推进" * 60
    runs = {}
    for group_pieces in (64, 4096):
        nlp = make_nlp(tiny_encoder(), window=40, overlap=10, group_pieces=group_pieces)
        nlp.initialize(lambda nlp=nlp: examples_of(nlp, ZH))
        model = nlp.get_pipe("transformer").model
        for module in model.shims[0].module.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        kept: list[int] = []

        def keep(tensor: torch.Tensor, kept: list[int] = kept) -> torch.Tensor:
            kept.append(tensor.nbytes)
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            batch, backprop = model([nlp.make_doc(text)], is_train=True)
        before = sum(kept)
        backprop(batch)
        gradients = [w.grad.clone() for w in model.shims[0].module.parameters()]
        runs[group_pieces] = (batch.flat, gradients, before)
    (few, few_gradients, few_kept), (all_, all_gradients, all_kept) = runs[64], runs[4096]
    np.testing.assert_allclose(few, all_, atol=1e-5)
    for one, other in zip(few_gradients, all_gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
    assert few_kept < all_kept / 5


def test_end_of_a_long_document_has_the_vectors_it_has_alone(tiny_encoder: MakeEncoder) -> None:
    """The last window holds the last sentence and as much before it as fits, wherever it stands."""
    nlp = make_nlp(tiny_encoder(), window=40, overlap=10)
    nlp.initialize(lambda: examples_of(nlp, ZH))
    long = vectors(nlp("数字化管理平台上线，" * 40))[0]
    short = vectors(nlp("数字化管理平台上线，" * 20))[0]
    np.testing.assert_allclose(long[-10:], short[-10:], atol=1e-5)


def test_trim_corpus(tiny_encoder: MakeEncoder, tmp_path: Path) -> None:
    nlp = spacy.blank("zh")
    DocBin(docs=[nlp.make_doc(t) for t in TEXTS[:2]]).to_disk(tmp_path / "train.spacy")
    sizes = []
    for corpus in (None, str(tmp_path / "train.spacy"), str(tmp_path)):
        model = make_nlp(tiny_encoder(), han="merge", trim_corpus=corpus, trim_reserve=0)
        model.initialize(lambda model=model: examples_of(model, ZH))
        sizes.append(model.get_pipe("transformer").model.tokenizer.vocabulary_size)
    assert sizes[0] < sizes[1] == sizes[2]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"han": "apart"}, "han = 'apart'"),
        ({"window": 3}, "window = 3"),
        ({"overlap": 200}, "overlap = 200"),
        ({"group_pieces": 1}, "group_pieces = 1"),
        ({"trim_reserve": -1}, "trim_reserve = -1"),
        ({"lr_scale": 0.0}, "lr_scale = 0.0"),
        ({"frozen_layers": -1}, "frozen_layers = -1"),
        ({"unfreeze_every": -1}, "unfreeze_every = -1"),
        ({"layer_decay": 1.1}, "layer_decay = 1.1"),
        ({"train_precision": "fp8"}, "train_precision = 'fp8'"),
    ],
)
def test_invalid_settings_are_named(
    tiny_encoder: MakeEncoder, settings: dict[str, object], said: str
) -> None:
    with pytest.raises(XinzhiError, match=said):
        make_nlp(tiny_encoder(), **settings)


def test_missing_trim_corpus_and_unknown_encoder(
    tiny_encoder: MakeEncoder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nlp = make_nlp(tiny_encoder(), trim_corpus=str(tmp_path / "none.spacy"))
    with pytest.raises(XinzhiError, match=r"none\.spacy"):
        nlp.initialize(lambda: examples_of(nlp, ZH))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    nlp = make_nlp(tmp_path / "no-such-encoder")
    with pytest.raises(XinzhiError, match="no-such-encoder"):
        nlp.initialize(lambda: examples_of(nlp, ZH))


@pytest.fixture
def no_sockets_no_pickle(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a socket or a pickle was used")

    monkeypatch.setattr(socket, "socket", refuse)
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    monkeypatch.setattr("torch.load", refuse)
    return


def test_loading_needs_no_socket_no_pickle_no_encoder_folder(
    tiny_encoder: MakeEncoder, tmp_path: Path, no_sockets_no_pickle: None
) -> None:
    nlp = make_nlp(tiny_encoder())
    nlp.initialize(lambda: examples_of(nlp, ZH))
    nlp.config["components"]["transformer"]["model"]["name"] = "nowhere"
    nlp.to_disk(tmp_path / "model")
    assert len(spacy.load(tmp_path / "model")(TEXTS[0])) == len(nlp(TEXTS[0]))


def test_saved_encoder_is_a_safetensors_file(initialized: Language) -> None:
    blob = initialized.get_pipe("transformer").model.shims[0].to_bytes()
    metadata = read_metadata(blob)
    assert json.loads(metadata["config"])["model_type"] == "bert"
    assert "_name_or_path" not in json.loads(metadata["config"])
    (size,) = struct.unpack_from("<Q", blob)
    assert all(
        t["dtype"] == "F32" for n, t in json.loads(blob[8 : 8 + size]).items() if n[0] != "_"
    )


def test_replaced_listeners_predict_the_same(tiny_encoder: MakeEncoder, tmp_path: Path) -> None:
    nlp = make_nlp(tiny_encoder(), train_precision="fp32")
    train(nlp, ZH, steps=40)
    expected = [[e.text for e in nlp(text).ents] for text, _ in ZH]
    nlp.replace_listeners("transformer", "ner", ["model.tok2vec"])
    nlp.remove_pipe("transformer")
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    assert [[e.text for e in loaded(text).ents] for text, _ in ZH] == expected
    nlp.update(examples_of(nlp, ZH), sgd=nlp.resume_training())


def test_encoder_learns_at_its_own_rate(tiny_encoder: MakeEncoder) -> None:
    moved = []
    for scale in (1.0, 0.01):
        nlp = make_nlp(tiny_encoder(), lr_scale=scale, train_precision="fp32")
        spacy.util.fix_random_seed(0)
        optimizer = nlp.initialize(lambda nlp=nlp: examples_of(nlp, ZH))
        optimizer.learn_rate = 0.001
        table = nlp.get_pipe("transformer").model.transformer.get_input_embeddings().weight
        before = table.detach().clone()
        for _ in range(3):
            nlp.update(examples_of(nlp, ZH), sgd=optimizer)
        moved.append(float((table.detach() - before).abs().max()))
    assert 0 < moved[1] < moved[0] / 20


@pytest.mark.slow
def test_two_processes_under_spawn(
    tiny_encoder: MakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    import multiprocessing

    nlp = make_nlp(tiny_encoder())
    train(nlp, ZH, steps=30)
    monkeypatch.setattr("spacy.language.mp", multiprocessing.get_context("spawn"))
    texts = [text for text, _ in ZH] * 4
    one = [[e.text for e in doc.ents] for doc in nlp.pipe(texts)]
    two = [[e.text for e in doc.ents] for doc in nlp.pipe(texts, n_process=2, batch_size=2)]
    assert one == two


def test_standardised_output(tiny_encoder: MakeEncoder, tmp_path: Path) -> None:
    DocBin(docs=[spacy.blank("zh").make_doc(t) for t in TEXTS]).to_disk(tmp_path / "train.spacy")
    nlp = make_nlp(tiny_encoder(), han="isolate", trim_corpus=str(tmp_path / "train.spacy"))
    nlp.initialize(lambda: examples_of(nlp, ZH))
    rows = np.concatenate([vectors(doc)[0] for doc in nlp.pipe(TEXTS)])
    np.testing.assert_allclose(rows.mean(0), 0, atol=0.1)  # the sample is cut to other lengths
    np.testing.assert_allclose(rows.std(0), 1, atol=0.1)
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    np.testing.assert_array_equal(vectors(loaded(TEXTS[0])), vectors(nlp(TEXTS[0])))


def test_a_batch_of_empty_documents_alone(initialized: Language) -> None:
    model = encode_by_doc(initialized.get_pipe("transformer").model)
    (data,) = model.predict([Doc(initialized.vocab)])
    assert not data.tensors
