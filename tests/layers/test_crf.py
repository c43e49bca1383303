"""The CRF against brute force: every tag path enumerated on tiny inputs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from xinzhi.layers import bioes, crf, crf_numpy
from xinzhi.layers.packed import pack

CPU = torch.device("cpu")
N_LABELS = 2
TAGS = bioes.n_tags(N_LABELS)
LENGTHS = [[1], [2], [4], [1, 3], [3, 0, 2, 3]]


def example(lengths, seed=0, scale=1.0):
    rng = torch.Generator().manual_seed(seed)
    flat = scale * torch.randn(sum(lengths), TAGS, generator=rng)
    legal = torch.as_tensor(bioes.legal_transitions(N_LABELS))
    transitions = torch.randn(TAGS + 1, TAGS + 1, generator=rng).masked_fill(~legal, crf.ILLEGAL)
    batch = pack(np.array(lengths), CPU)
    return flat, flat[batch.to_packed].T.contiguous(), transitions, batch


def best_tags(scores, transitions, batch):
    tags = crf_numpy.viterbi(scores.numpy(), transitions.numpy(), batch.sizes)
    return tags[batch.to_flat.numpy()]


def enumerate_paths(emissions, transitions, allowed=None):
    """All legal paths of one document with their scores."""
    for path in itertools.product(range(TAGS), repeat=len(emissions)):
        full = (TAGS, *path, TAGS)
        pairs = list(itertools.pairwise(full))
        if any(transitions[a, b] <= crf.ILLEGAL for a, b in pairs):
            continue
        if allowed is not None and not all(allowed[t, tag] for t, tag in enumerate(path)):
            continue
        score = sum(transitions[a, b] for a, b in pairs) + emissions[range(len(path)), path].sum()
        yield path, float(score)


def split(values, lengths):
    return [v for v in torch.split(values, lengths) if len(v)]


def log_sum(paths):
    return float(torch.logsumexp(torch.tensor([s for _, s in paths], dtype=torch.float64), 0))


@pytest.mark.parametrize("lengths", LENGTHS)
def test_log_partition(lengths):
    flat, scores, transitions, batch = example(lengths)
    got = crf.log_partition(crf.run(scores, transitions, batch), batch)
    want = [log_sum(enumerate_paths(doc, transitions)) for doc in split(flat, lengths)]
    assert got.tolist() == pytest.approx(want, abs=1e-5)


@pytest.mark.parametrize("lengths", LENGTHS)
def test_viterbi(lengths):
    flat, scores, transitions, batch = example(lengths, seed=1)
    got = best_tags(scores, transitions, batch)
    want = [
        max(enumerate_paths(d, transitions), key=lambda p: p[1])[0] for d in split(flat, lengths)
    ]
    assert got.tolist() == [tag for path in want for tag in path]


@pytest.mark.parametrize("lengths", LENGTHS)
def test_marginals(lengths):
    flat, scores, transitions, batch = example(lengths, seed=2)
    lattice = crf.run(scores, transitions, batch)
    got = crf.log_marginals(lattice, crf.backward(lattice, batch)).exp()[:, batch.to_flat].T
    want = torch.zeros(len(flat), TAGS, dtype=torch.float64)
    offset = 0
    for doc in split(flat, lengths):
        paths = list(enumerate_paths(doc, transitions))
        total = log_sum(paths)
        for path, score in paths:
            want[range(offset, offset + len(doc)), path] += np.exp(score - total)
        offset += len(doc)
    assert torch.allclose(got, want, atol=1e-6)


def test_nll_sums_over_what_is_not_annotated():
    lengths = [3, 2]
    flat, scores, transitions, batch = example(lengths, seed=3)
    allowed = torch.ones(5, TAGS, dtype=torch.bool)
    gold = bioes.spans_to_tags(3, np.array([[1, 3, 0]]), N_LABELS, default=bioes.MISSING)
    for token, tag in enumerate(gold):
        if tag >= 0:
            allowed[token] = torch.arange(TAGS) == tag
    got = crf.nll(scores, transitions, batch, allowed[batch.to_packed].T)
    first = flat[:3]
    want = log_sum(enumerate_paths(first, transitions)) - log_sum(
        enumerate_paths(first, transitions, allowed[:3])
    )
    assert got.tolist() == pytest.approx([want, 0.0], abs=1e-5)


def test_a_document_without_annotation_gets_no_gradient():
    _, scores, transitions, batch = example([3, 2], seed=4)
    scores.requires_grad_()
    transitions.requires_grad_()
    allowed = torch.ones(5, TAGS, dtype=torch.bool)
    crf.nll(scores, transitions, batch, allowed[batch.to_packed].T).sum().backward()
    assert not scores.grad.any()
    assert not transitions.grad.any()


def test_gradients():
    _, scores, transitions, batch = example([3, 1], seed=5)
    allowed = torch.zeros(4, TAGS, dtype=torch.bool)
    allowed[torch.arange(4), torch.tensor([1, 5, 0, 7])] = True
    legal = transitions > crf.ILLEGAL

    def loss(scores, transitions):
        legal_only = transitions.masked_fill(~legal, crf.ILLEGAL)
        return crf.nll(scores, legal_only, batch, allowed[batch.to_packed].T)

    inputs = (scores.double().requires_grad_(), transitions.double().requires_grad_())
    assert torch.autograd.gradcheck(loss, inputs)


@pytest.mark.parametrize("lengths", [[1], [5, 2, 0, 9], [300, 4]])
@pytest.mark.parametrize("masked", [False, True])
def test_prediction_computes_what_training_computes(lengths, masked):
    _, scores, transitions, batch = example(lengths, seed=8)
    allowed = None
    if masked:
        allowed = torch.rand(scores.shape, generator=torch.Generator().manual_seed(0)) < 0.5
        allowed[bioes.OUTSIDE] = True
    want = crf.run(scores, transitions, batch, allowed)
    lattice, beta = crf.predict(scores, transitions, batch, allowed)
    assert torch.allclose(lattice.alpha, want.alpha)
    assert torch.allclose(lattice.scale, want.scale)
    assert torch.allclose(beta, crf.backward(want, batch))


@pytest.mark.parametrize("lengths", [[5], [4, 2, 5]])
def test_span_probability_is_the_share_of_the_paths_with_the_span(lengths):
    flat, scores, transitions, batch = example(lengths, seed=6)
    lattice = crf.run(scores, transitions, batch)
    beta = crf.backward(lattice, batch)
    spans, want = [], []
    offset = 0
    for doc in split(flat, lengths):
        paths = list(enumerate_paths(doc, transitions))
        total = log_sum(paths)
        for start, end in itertools.combinations(range(len(doc) + 1), 2):
            spans.append((offset + start, offset + end - 1))
            for label in range(N_LABELS):
                row = np.array([[start, end, label]])
                tags = bioes.spans_to_tags(len(doc), row, N_LABELS)[start:end].tolist()
                share = sum(np.exp(s - total) for p, s in paths if list(p[start:end]) == tags)
                want.append(share)
        offset += len(doc)
    starts, ends = torch.tensor(spans).T
    got = crf.span_log_probs(lattice, beta, batch, starts, ends).exp()
    assert got.flatten().tolist() == pytest.approx(want, abs=1e-6)


def test_long_documents_keep_their_precision():
    flat, scores, transitions, batch = example([20_000, 3], scale=5.0)
    lattice = crf.run(scores, transitions, batch)
    beta = crf.backward(lattice, batch)
    marginals = crf.log_marginals(lattice, beta).exp()
    assert torch.allclose(marginals.sum(0), torch.ones(20_003, dtype=torch.float64))
    tags = best_tags(scores, transitions, batch)
    spans = bioes.tags_to_spans(tags, N_LABELS)
    probs = crf.span_log_probs(
        lattice, beta, batch, torch.tensor(spans[:, 0]), torch.tensor(spans[:, 1] - 1)
    ).exp()
    assert len(spans) > 1000
    assert bool(((probs > 0) & (probs <= 1)).all())
    short = crf.run(flat[-3:].T, transitions, pack(np.array([3]), CPU))
    assert torch.allclose(lattice.alpha[:, batch.to_flat[-3:]], short.alpha)


@pytest.mark.parametrize("scale", [100.0, 10_000.0])
def test_extreme_scores_stay_finite(scale):
    _, scores, transitions, batch = example([6, 2], seed=7, scale=scale)
    lattice = crf.run(scores, transitions, batch)
    beta = crf.backward(lattice, batch)
    probs = crf.span_log_probs(lattice, beta, batch, torch.tensor([0]), torch.tensor([2]))
    assert bool(torch.isfinite(probs).all())
    assert bool(torch.isfinite(crf.log_marginals(lattice, beta)).all())


def test_empty_batch():
    _, scores, transitions, batch = example([])
    assert best_tags(scores, transitions, batch).tolist() == []
    lattice = crf.run(scores, transitions, batch)
    assert crf.backward(lattice, batch).shape == (TAGS, 0)
    assert crf.log_partition(lattice, batch).shape == (0,)
    assert crf.predict(scores, transitions, batch)[1].shape == (TAGS, 0)
