"""Log-probability, gradient, entropy and divergence of walks, as sums over their steps.

The masks of a walk are part of it; so each step is an independent Bernoulli or categorical draw
whose formulas are the textbook ones, restricted to what was allowed.
"""

import numpy as np

from graphsearch.space._logits import Floats, Logits, log_sigmoid, log_softmax, sigmoid
from graphsearch.space._walk import Draws, Ints

__all__ = ["gradient", "log_probs", "step_divergences", "step_entropies"]


def log_probs(draws: Draws, logits: Logits) -> Floats:
    """Log-probability of each walk, [B]."""
    edges = np.where(draws.taken, log_sigmoid(logits.edges), log_sigmoid(-logits.edges))
    total: Floats = np.einsum("bij,bij->b", draws.free, edges)
    sinks, models, roles = _categorical(draws, logits)
    total += _at(sinks, draws.sink)
    total += _at(models, draws.models).sum(axis=1)
    total += np.where(draws.roles >= 0, _at(roles, draws.roles), 0.0).sum(axis=1)
    return total


def gradient(draws: Draws, logits: Logits, weights: Floats) -> Logits:
    """Sum over walks of weight times d log p / d logit: what was chosen less what was expected."""
    sinks, models, roles = _categorical(draws, logits)
    surplus = draws.taken - sigmoid(logits.edges)
    return Logits(
        edges=np.einsum("b,bij,bij->ij", weights, draws.free, surplus),
        models=np.einsum("b,bnm->nm", weights, _surplus(models, draws.models)),
        roles=np.einsum("b,bnr->nr", weights, _surplus(roles, draws.roles)),
        sinks=np.einsum("b,bs->s", weights, _surplus(sinks, draws.sink)),
    )


def step_entropies(draws: Draws, logits: Logits) -> Floats:
    """Sum over each walk's steps of the step's entropy, [B].

    Its mean over draws is the entropy of the whole, by the chain rule.
    """
    x = logits.edges
    each = -(sigmoid(x) * log_sigmoid(x) + sigmoid(-x) * log_sigmoid(-x))
    total: Floats = np.einsum("bij,ij->b", draws.free, each)
    for log_p in _categorical(draws, logits):
        total -= _expected(log_p, log_p)
    return total


def step_divergences(draws: Draws, logits: Logits, other: Logits) -> Floats:
    """Sum over each walk's steps of the step's divergence from `other`, [B]."""
    x, y = logits.edges, other.edges
    each = sigmoid(x) * (log_sigmoid(x) - log_sigmoid(y))
    each += sigmoid(-x) * (log_sigmoid(-x) - log_sigmoid(-y))
    total: Floats = np.einsum("bij,ij->b", draws.free, each)
    for log_p, log_q in zip(_categorical(draws, logits), _categorical(draws, other), strict=True):
        total += _expected(log_p, log_p) - _expected(log_p, log_q)
    return total


def _categorical(draws: Draws, logits: Logits) -> tuple[Floats, Floats, Floats]:
    """Log-probabilities of sinks [B, S], models [B, n, M] and roles [B, n, R]."""
    return (
        log_softmax(logits.sinks, draws.sink_mask),
        log_softmax(logits.models, draws.model_mask),
        log_softmax(logits.roles, draws.role_mask),
    )


def _at(log_p: Floats, choice: Ints) -> Floats:
    """The chosen entries along the last axis (any entry where the choice is -1)."""
    out: Floats = np.take_along_axis(log_p, np.maximum(choice, 0)[..., None], axis=-1)[..., 0]
    return out


def _surplus(log_p: Floats, choice: Ints) -> Floats:
    """Chosen (one-hot, nothing for -1) less probabilities."""
    chosen = np.arange(log_p.shape[-1]) == choice[..., None]
    out: Floats = chosen - np.exp(log_p)
    return out


def _expected(log_p: Floats, log_q: Floats) -> Floats:
    """Sum of p log q over all but the first axis, 0 where p is 0."""
    p = np.exp(log_p)
    terms = p * np.where(p > 0, log_q, 0.0)
    out: Floats = terms.reshape(len(p), -1).sum(axis=1)
    return out
