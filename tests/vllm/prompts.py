"""Prompts as searches make them: roles of the embedded prompt set on questions of both tasks."""

from dataclasses import replace

from graphsearch.agents.roles import get_roles
from graphsearch.engines.embedded import builtin_folder, generate_batch
from graphsearch.engines.embedded.sequences import prompt_text
from graphsearch.evaluators.tasks import puzzle, recall
from graphsearch.records.calls import Call, Sampling
from graphsearch.records.roles import NodeContext

ROLES = get_roles("embedded")
EACH = {"puzzle": (60, 40, 40), "recall": (60, 0, 0)}
"""Questions of each task that are asked plainly, shown with one answer, and with three."""


def greedy_calls(model):
    """200 calls without a die: to solve, to refine and to fuse."""
    calls = []
    for task, (plain, one, three) in EACH.items():
        draw = {"puzzle": puzzle.draw_items, "recall": recall.draw_items}[task]
        items = draw("test", plain + one + three)
        counts = [0] * plain + [1] * one + [3] * three
        for number, (item, parents) in enumerate(zip(items, counts, strict=True)):
            calls.append(_call(model, item, parents, seed=number))
    return [replace(call, sampling=Sampling(0.0, max_tokens=20)) for call in calls]


def _call(model, item, parents, *, seed):
    role = ROLES["fuser" if parents == 3 else "assistant"]
    context = NodeContext(in_degree=parents, is_sink=True)
    heard = _answers(model, item, parents, seed=seed)
    messages = role.prompt(item, heard, context)
    return Call(model, messages, role.sampling(context), seed=seed, item=item.id)


def _answers(model, item, count, *, seed):
    """Answers to a question, sampled by the NumPy engine: what parents would have said."""
    if not count:
        return []
    role = ROLES["assistant"]
    context = NodeContext(in_degree=0, is_sink=False)
    call = Call(model, role.prompt(item, [], context), Sampling())
    found = generate_batch(
        builtin_folder(model),
        [prompt_text(call)] * count,
        sampling=Sampling(0.8, max_tokens=20),
        seeds=range(count * seed, count * seed + count),
    )
    return [role.message(one.text) for one in found]


def facts(reply):
    """What must be equal. Words: a server decodes the blank before the first one too."""
    return reply.text.split(), reply.outcome, reply.usage


def share_equal(ours, theirs):
    pairs = list(zip(map(facts, ours), map(facts, theirs), strict=True))
    return sum(a == b for a, b in pairs) / len(pairs)
