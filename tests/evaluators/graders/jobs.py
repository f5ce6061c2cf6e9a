"""Jobs of the math grader whose library is broken one way or the other; loaded in workers alone."""

from importlib import import_module

import math_verify


def start(setup):
    """The grader's own job, by the name of its module, broken in the way that is told."""
    job, how = setup
    return globals()[f"_{how}"](import_module(job).start)


def _says_no(begin):
    """It tells nothing from anything."""
    math_verify.verify = lambda *_, **__: False
    return begin(None)


def _unreadable(begin):
    """Every text is unreadable to it, as when a part of it is missing."""
    math_verify.parse = lambda *_, **__: []
    return begin(None)


def _import(begin):
    return _breaking(begin, ImportError("no module named sympy.parsing"))


def _disk(begin):
    return _breaking(begin, OSError(5, "Input/output error"))


def _swallowed_want_of_memory(begin):
    """A worker that fills up with its second request, and takes want of memory for "unequal"."""
    work = begin(None)
    known, hoarded, asked = math_verify.verify, [], []

    def verify(*args, **options):
        asked.append(1)
        if len(asked) > 1:
            hoarded.append(bytearray(1 << 30))
            return False
        return known(*args, **options)

    math_verify.verify = verify
    return work


def _breaking(begin, error):
    work = begin(None)

    def parse(*_, **__):
        raise error

    math_verify.parse = parse
    return work
