"""Training on batches in which each document carries only some of the annotations."""

from __future__ import annotations

import pytest
from spacy.util import fix_random_seed

from .helpers import (
    CATEGORIES,
    ENTITIES,
    annotated,
    blank,
    cats_examples,
    cats_of,
    classifier,
    entity_examples,
    ents_of,
    fresh,
    same_weights,
    tagger,
    train,
    weights_of,
)

SHARED = {"@architectures": "spacy.Tok2VecListener.v1", "width": 32, "upstream": "tok2vec"}
TOK2VEC = {
    "model": {
        "@architectures": "spacy.HashEmbedCNN.v2",
        "pretrained_vectors": None,
        "width": 32,
        "depth": 1,
        "embed_size": 500,
        "window_size": 1,
        "maxout_pieces": 2,
        "subword_features": True,
    }
}


def joint(shared: bool):
    """Entities and categories on one encoder, or each on its own."""
    vectors = {"tok2vec": SHARED} if shared else {}
    pipes = [
        ("xinzhi_ner", {"model": tagger(**vectors)}),
        ("xinzhi_cats", {"model": classifier(**vectors)}),
    ]
    nlp = blank("zh", *([("tok2vec", TOK2VEC)] if shared else []), *pipes)
    optimizer = train(nlp, [*entity_examples(nlp), *cats_examples(nlp)], steps=5)
    return nlp, optimizer


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("through_nlp", [True, False])
def test_a_batch_without_annotation_leaves_the_head_alone(shared, through_nlp):
    nlp, optimizer = joint(shared)
    ner, cats = weights_of(nlp, "xinzhi_ner"), weights_of(nlp, "xinzhi_cats")

    def step(examples):
        if through_nlp:
            nlp.update(fresh(nlp, examples), sgd=optimizer)
            return
        batch = fresh(nlp, examples)
        for _, pipe in nlp.pipeline:
            pipe.update(batch, sgd=optimizer)

    step(cats_examples(nlp))
    assert same_weights(ner, weights_of(nlp, "xinzhi_ner"))
    assert not same_weights(cats, weights_of(nlp, "xinzhi_cats"))
    cats = weights_of(nlp, "xinzhi_cats")
    step(entity_examples(nlp))
    assert same_weights(cats, weights_of(nlp, "xinzhi_cats"))
    assert not same_weights(ner, weights_of(nlp, "xinzhi_ner"))


def test_a_batch_without_any_annotation_changes_no_head():
    nlp, optimizer = joint(shared=True)
    before = [weights_of(nlp, name) for name in ("xinzhi_ner", "xinzhi_cats")]
    losses = nlp.update([annotated(nlp, "随便写写"), annotated(nlp, "")], sgd=optimizer)
    assert losses["xinzhi_ner"] == losses["xinzhi_cats"] == 0.0
    after = [weights_of(nlp, name) for name in ("xinzhi_ner", "xinzhi_cats")]
    assert all(same_weights(a, b) for a, b in zip(before, after, strict=True))
    assert nlp.update([annotated(nlp, "")], sgd=optimizer)["xinzhi_ner"] == 0.0


def test_one_head_of_several_is_left_alone():
    nlp, optimizer = joint(shared=True)
    module = nlp.get_pipe("xinzhi_cats").model.shims[0].module
    heads = [head.name for head in nlp.get_pipe("xinzhi_cats").heads]

    def output(head):
        return module.outputs[heads.index(head)].weight.detach().numpy().tobytes()

    before = {head: output(head) for head in heads}
    nlp.update([annotated(nlp, "地铁。", cats=cats_of({"topic": "交通"}))], sgd=optimizer)
    changed = {head for head in heads if output(head) != before[head]}
    assert changed == {"topic"}


@pytest.mark.parametrize("shared", [True, False])
def test_the_encoder_learns_from_every_task(shared):
    """The last listener answers even if its batch has nothing for it: the gradient of the others
    is not lost."""
    nlp, optimizer = joint(shared)
    name = "tok2vec" if shared else "xinzhi_ner"
    before = weights_of(nlp, name)
    nlp.update(fresh(nlp, entity_examples(nlp)), sgd=optimizer)
    assert not same_weights(before, weights_of(nlp, name))


def test_documents_without_annotation_give_no_gradient():
    """A batch with additional documents of another task gives the same weights."""
    weights = []
    for extra in (False, True):
        nlp = blank("zh", ("xinzhi_ner", {"model": tagger(dropout=0.0)}))
        examples = entity_examples(nlp)
        optimizer = nlp.initialize(lambda examples=examples: examples)
        others = cats_examples(nlp) if extra else []
        for _ in range(5):
            fix_random_seed(0)
            nlp.update(fresh(nlp, [*examples, *others]), sgd=optimizer)
        weights.append(weights_of(nlp, "xinzhi_ner"))
    for key, value in weights[0].items():
        assert weights[1][key] == pytest.approx(value, abs=1e-4), key


def test_both_tasks_are_learned_from_separate_documents():
    nlp, optimizer = joint(shared=True)
    batches = [entity_examples(nlp), cats_examples(nlp)]
    for i in range(80):
        nlp.update(fresh(nlp, batches[i % 2]), sgd=optimizer)
    for text, ents in ENTITIES["zh"]:
        assert ents_of(nlp(text)) == ents
    for text, values in CATEGORIES["zh"]:
        assert nlp(text)._.decisions["topic"] == values["topic"]
    alone = nlp.evaluate(entity_examples(nlp))
    mixed = nlp.evaluate([*entity_examples(nlp), *cats_examples(nlp)])
    assert mixed["ents_per_type"] == alone["ents_per_type"]
    assert mixed["cats_heads"] == nlp.evaluate(cats_examples(nlp))["cats_heads"]
    assert alone["cats_score"] is None


def test_gradients_accumulate_over_batches():
    """As spaCy's training loop does with accumulate_gradient: several updates, one step."""
    nlp, optimizer = joint(shared=True)
    before = weights_of(nlp, "xinzhi_ner")
    for batch in (entity_examples(nlp), cats_examples(nlp)):
        nlp.update(fresh(nlp, batch), sgd=False)
    assert same_weights(before, weights_of(nlp, "xinzhi_ner"))
    for _, pipe in nlp.pipeline:
        pipe.finish_update(optimizer)
    assert not same_weights(before, weights_of(nlp, "xinzhi_ner"))
