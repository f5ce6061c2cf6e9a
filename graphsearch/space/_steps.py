"""Log-probability, gradient, entropy and divergence of walks, as sums over their steps.

The masks of a walk are part of it; so each step is an independent Bernoulli or categorical draw
whose formulas are the textbook ones, restricted to what was allowed.
"""

import numpy as np

from graphsearch.space._logits import (
    Floats,
    Logits,
    gate_logits,
    log_sigmoid,
    log_softmax,
    plain_roles,
    sigmoid,
)
from graphsearch.space._walk import Draws, Ints

__all__ = ["gradient", "log_probs", "step_divergences", "step_entropies"]


Gates = tuple[int, ...]
"""Roles that are drawn before the edges, as gates."""


def log_probs(draws: Draws, logits: Logits, gates: Gates = ()) -> Floats:
    """Log-probability of each walk, [B]."""
    edges = np.where(draws.taken, log_sigmoid(logits.edges), log_sigmoid(-logits.edges))
    total: Floats = np.einsum("bij,bij->b", draws.free, edges)
    sinks, models, roles, *kinds = _categorical(draws, logits, gates)
    total += _at(sinks, draws.sink)
    total += _at(models, draws.models).sum(axis=1)
    total += np.where(draws.roles >= 0, _at(roles, draws.roles), 0.0).sum(axis=1)
    for log_p in kinds:
        total += np.where(draws.gates >= 0, _at(log_p, draws.gates), 0.0).sum(axis=1)
    return total


def gradient(draws: Draws, logits: Logits, weights: Floats, gates: Gates = ()) -> Logits:
    """Sum over walks of weight times d log p / d logit: what was chosen less what was expected."""
    sinks, models, roles, *kinds = _categorical(draws, logits, gates)
    surplus = draws.taken - sigmoid(logits.edges)
    by_role = np.einsum("b,bnr->nr", weights, _surplus(roles, draws.roles))
    for log_p in kinds:
        by_kind = np.einsum("b,bnk->nk", weights, _surplus(log_p, draws.gates))
        # Being no gate stands for all other roles, by their share of it.
        by_role[:, list(gates)] += by_kind[:, 1:]
        plain = plain_roles(logits.roles.shape[1], gates)
        every = np.ones((len(logits.roles), len(plain)), dtype=bool)
        by_role[:, plain] += by_kind[:, :1] * np.exp(log_softmax(logits.roles[:, plain], every))
    return Logits(
        edges=np.einsum("b,bij,bij->ij", weights, draws.free, surplus),
        models=np.einsum("b,bnm->nm", weights, _surplus(models, draws.models)),
        roles=by_role,
        sinks=np.einsum("b,bs->s", weights, _surplus(sinks, draws.sink)),
    )


def step_entropies(draws: Draws, logits: Logits, gates: Gates = ()) -> Floats:
    """Sum over each walk's steps of the step's entropy, [B].

    Its mean over draws is the entropy of the whole, by the chain rule.
    """
    x = logits.edges
    each = -(sigmoid(x) * log_sigmoid(x) + sigmoid(-x) * log_sigmoid(-x))
    total: Floats = np.einsum("bij,ij->b", draws.free, each)
    for log_p in _categorical(draws, logits, gates):
        total -= _expected(log_p, log_p)
    return total


def step_divergences(draws: Draws, logits: Logits, other: Logits, gates: Gates = ()) -> Floats:
    """Sum over each walk's steps of the step's divergence from `other`, [B]."""
    x, y = logits.edges, other.edges
    each = sigmoid(x) * (log_sigmoid(x) - log_sigmoid(y))
    each += sigmoid(-x) * (log_sigmoid(-x) - log_sigmoid(-y))
    total: Floats = np.einsum("bij,ij->b", draws.free, each)
    mine, theirs = _categorical(draws, logits, gates), _categorical(draws, other, gates)
    for log_p, log_q in zip(mine, theirs, strict=True):
        total += _expected(log_p, log_p) - _expected(log_p, log_q)
    return total


def _categorical(draws: Draws, logits: Logits, gates: Gates) -> list[Floats]:
    """Log-probabilities of sinks [B, S], models [B, n, M], roles [B, n, R], and gates [B, n, G+1].

    The last where slots may be gates; the role of one that is has probability 1.
    """
    found = [
        log_softmax(logits.sinks, draws.sink_mask),
        log_softmax(logits.models, draws.model_mask),
        log_softmax(logits.roles, draws.role_mask),
    ]
    if gates:
        found.append(log_softmax(gate_logits(logits.roles, gates), draws.gate_mask))
    return found


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
