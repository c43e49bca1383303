"""A linear-chain conditional random field over BIOES tags (Lafferty, McCallum & Pereira 2001).

All functions take the scores of a whole batch in packed order (see packed.py) with the tags in the
first dimension, so that one time step is one small matrix operation for all documents, vectorised
over the documents. Sums over paths run in the probability domain, rescaled at every step (Rabiner
1989), in double precision: exact for documents of any length. A score more than 80 below the best
of its token counts as 80 below.

Token scores may be emissions of a CRF, or the log-probabilities of independent token decisions with
zero transitions: then the sums run over the *legal* tag sequences only, and decoding is constrained
Viterbi.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from . import bioes, crf_numpy
from .packed import PackedBatch

ILLEGAL = -1e4  # a transition score whose exponential is zero in double precision
MAX_GAP = 80.0
TINY = 1e-300


@dataclass(frozen=True)
class Lattice:
    """The result of `run`: everything that posteriors are made of, shapes (…, tags, tokens).

    weights (Tensor): Exponential of the token scores, the best tag of each token at 1.
    steps (Tensor): Exponential of the transition scores, shape (tags + 1, tags + 1).
    alpha (Tensor): Probability of each tag given the tokens up to this one.
    scale (Tensor): Normaliser of each token's alpha, shape (…, tokens).
    shift (Tensor): The score that was put to 1 in `weights`, shape (…, tokens).
    """

    weights: torch.Tensor
    steps: torch.Tensor
    alpha: torch.Tensor
    scale: torch.Tensor
    shift: torch.Tensor


def run(
    scores: torch.Tensor,
    transitions: torch.Tensor,
    batch: PackedBatch,
    allowed: torch.Tensor | None = None,
) -> Lattice:
    """The forward algorithm.

    scores (Tensor): Token scores in packed order, shape (tags, tokens).
    transitions (Tensor): Transition scores [from, to], shape (tags + 1, tags + 1), the last row and
        column for the boundary; illegal ones at `ILLEGAL`.
    batch (PackedBatch): The index of the batch.
    allowed (Tensor): Optional booleans, shape (…, tags, tokens): the tags a path may take. Leading
        dimensions run several constraints at once.
    RETURNS (Lattice): Differentiable in scores and transitions.
    """
    weights, steps, shift = exponentials(scores, transitions, allowed)
    alphas, scales = [], []
    alpha = steps[-1, :-1].unsqueeze(-1)
    inner = steps[:-1, :-1].T
    for t, weight in enumerate(weights.split(batch.sizes, -1)):
        if t:
            alpha = inner @ alpha[..., : weight.shape[-1]]
        alpha = alpha * weight
        scale = alpha.sum(-2, keepdim=True)
        alpha = alpha / scale
        alphas.append(alpha)
        scales.append(scale.squeeze(-2))
    if not alphas:
        return Lattice(weights, steps, weights, shift, shift)
    return Lattice(weights, steps, torch.cat(alphas, -1), torch.cat(scales, -1), shift)


def exponentials(
    scores: torch.Tensor, transitions: torch.Tensor, allowed: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """RETURNS (tuple): `weights`, `steps` and `shift` of a `Lattice`; arguments as for `run`."""
    dtype = torch.float32 if scores.device.type == "mps" else torch.float64
    legal = scores if allowed is None else scores.masked_fill(~allowed, -torch.inf)
    shift = legal.detach().amax(-2)
    weights = (legal - shift.unsqueeze(-2)).clamp(min=-MAX_GAP).to(dtype).exp()
    if allowed is not None:
        weights = weights * allowed
    return weights, transitions.to(dtype).exp(), shift


def predict(
    scores: torch.Tensor,
    transitions: torch.Tensor,
    batch: PackedBatch,
    allowed: torch.Tensor | None = None,
) -> tuple[Lattice, torch.Tensor]:
    """`run` and `backward` for prediction: on the CPU, without gradients, allowed without leading
    dimensions.

    RETURNS (tuple): The lattice, and what `backward` returns.
    """
    weights, steps, shift = exponentials(scores, transitions, allowed)
    arrays = weights.numpy(), steps.numpy(), batch.sizes
    alpha, scale = map(torch.from_numpy, crf_numpy.forward(*arrays))
    lattice = Lattice(weights, steps, alpha, scale, shift)
    return lattice, torch.from_numpy(crf_numpy.backward(*arrays))


def log_partition(lattice: Lattice, batch: PackedBatch) -> torch.Tensor:
    """The logarithm of the summed exponential scores of all (allowed) paths.

    RETURNS (Tensor): One value per document with tokens, shape (…, documents).
    """
    per_token = lattice.scale.log() + lattice.shift
    total = per_token.new_zeros((*per_token.shape[:-1], batch.n_docs))
    total = total.index_add(-1, batch.doc, per_token)
    final = (lattice.alpha[..., batch.last] * lattice.steps[:-1, -1:]).sum(-2)
    return total + final.log()


def backward(lattice: Lattice, batch: PackedBatch) -> torch.Tensor:
    """The backward algorithm.

    RETURNS (Tensor): Per token and tag the weight of all continuations, each token scaled to sum 1,
        shape (…, tags, tokens).
    """
    ends = lattice.steps[:-1, -1:]
    inner = lattice.steps[:-1, :-1]
    betas: list[torch.Tensor] = []
    lead = lattice.alpha.shape[:-1]
    following: torch.Tensor | None = None
    for weight in reversed(lattice.weights.split(batch.sizes, -1)):
        width = weight.shape[-1]
        if following is None:
            beta = ends.expand(*lead, width)
        else:
            beta = inner @ (betas[-1] * following)
            new = width - beta.shape[-1]
            if new:
                beta = torch.cat([beta, ends.expand(*lead, new)], -1)
        betas.append(beta / beta.sum(-2, keepdim=True))
        following = weight
    return torch.cat(betas[::-1], -1) if betas else lattice.alpha


def log_marginals(lattice: Lattice, beta: torch.Tensor) -> torch.Tensor:
    """RETURNS (Tensor): Log-probability of each tag at each token, shape (…, tags, tokens)."""
    joint = lattice.alpha * beta
    return (joint / joint.sum(-2, keepdim=True)).clamp(min=TINY).log()


def nll(
    scores: torch.Tensor, transitions: torch.Tensor, batch: PackedBatch, allowed: torch.Tensor
) -> torch.Tensor:
    """Negative log-likelihood of partially annotated sequences: tags that are not annotated are
    summed out (Tsuboi et al. 2008, Training CRFs using incomplete annotations).

    allowed (Tensor): The tags each token may have, shape (tags, tokens): one for an annotated
        token, all for a missing one. At least one legal path must remain.
    RETURNS (Tensor): One value per document with tokens; 0 for a document without annotation.
    """
    both = torch.stack([torch.ones_like(allowed), allowed])
    log_z = log_partition(run(scores, transitions, batch, both), batch)
    constrained = (~allowed).any(0).to(log_z.dtype)
    annotated = log_z.new_zeros(batch.n_docs).index_add(0, batch.doc, constrained) > 0
    return (log_z[0] - log_z[1]) * annotated  # exactly no gradient where nothing is annotated


def span_log_probs(
    lattice: Lattice,
    beta: torch.Tensor,
    batch: PackedBatch,
    starts: torch.Tensor,
    ends: torch.Tensor,
) -> torch.Tensor:
    """The exact probability that a span is an entity of each label.

    The probability of a span is the sum over all tag paths that agree with it, divided by the sum
    over all paths: the constrained forward-backward of Culotta & McCallum (2004), "Confidence
    estimation for information extraction". With BIOES tags the constrained part is a single path
    (B, I, …, E or S), so it needs no recurrence of its own: alpha, the path, beta.

    starts, ends (Tensor): First and last (inclusive) token of each span, flat positions.
    RETURNS (Tensor): Log-probabilities, shape (spans, labels).
    """
    n_labels = (lattice.alpha.shape[0] - 1) // 4
    begin, inside, end, single = (bioes.tags_of(p, n_labels) for p in bioes.PREFIXES)
    log_step = lattice.steps.clamp(min=TINY).log()
    first, last = batch.to_flat[starts], batch.to_flat[ends]
    onto_end = log_step[inside, end].diagonal().expand(len(starts), n_labels)
    after_begin = log_step[begin, end].diagonal().expand(len(starts), n_labels)
    path = _sum_inside(lattice, batch, starts, ends, log_step[inside, inside].diagonal())
    lengths = (ends - starts + 1).unsqueeze(1)
    begin_inside = log_step[begin, inside].diagonal() - log_step[inside, inside].diagonal()
    long_path = path + begin_inside + onto_end
    path = torch.where(lengths > 2, long_path, after_begin)
    weight_end = lattice.weights[end][:, last].clamp(min=TINY).log().T
    path = path + weight_end - lattice.scale[last].log().unsqueeze(1)
    path = torch.where(lengths > 1, path, torch.zeros_like(path))
    opening = torch.where(
        lengths > 1, lattice.alpha[begin][:, first].T, lattice.alpha[single][:, first].T
    )
    closing = torch.where(lengths > 1, beta[end][:, last].T, beta[single][:, last].T)
    norm = (lattice.alpha[:, last] * beta[:, last]).sum(0).unsqueeze(1)
    total = opening.clamp(min=TINY).log() + path + closing.clamp(min=TINY).log() - norm.log()
    return total.clamp(max=0.0)


def _sum_inside(
    lattice: Lattice,
    batch: PackedBatch,
    starts: torch.Tensor,
    ends: torch.Tensor,
    step: torch.Tensor,
) -> torch.Tensor:
    """Sum log-weight, scale and one I→I step over the tokens strictly inside each span."""
    n_labels = len(step)
    inside = bioes.tags_of("I", n_labels)
    counts = (ends - starts - 1).clamp(min=0)
    span = torch.repeat_interleave(torch.arange(len(starts), device=starts.device), counts)
    first = torch.cumsum(counts, 0) - counts
    offset = torch.arange(len(span), device=starts.device) - first[span]
    column = batch.to_flat[starts[span] + 1 + offset]
    per_token = lattice.weights[inside][:, column].clamp(min=TINY).log().T
    per_token = per_token - lattice.scale[column].log().unsqueeze(1) + step
    return per_token.new_zeros((len(starts), n_labels)).index_add(0, span, per_token)
