"""Jobs of the math grader whose library is broken one way or the other; loaded in workers alone."""

import math_verify

from graphsearch.evaluators.workers import _job_math


def start(setup):
    return globals()[f"_{setup}"]()


def _says_no():
    """It tells nothing from anything."""
    math_verify.verify = lambda *_, **__: False
    return _job_math.start(None)


def _unreadable():
    """Every text is unreadable to it, as when a part of it is missing."""
    math_verify.parse = lambda *_, **__: []
    return _job_math.start(None)


def _import():
    return _breaking(ImportError("no module named sympy.parsing"))


def _disk():
    return _breaking(OSError(5, "Input/output error"))


def _swallowed_want_of_memory():
    """A worker that fills up with its second request, and takes want of memory for "unequal"."""
    work = _job_math.start(None)
    known, hoarded, asked = math_verify.verify, [], []

    def verify(*args, **options):
        asked.append(1)
        if len(asked) > 1:
            hoarded.append(bytearray(1 << 30))
            return False
        return known(*args, **options)

    math_verify.verify = verify
    return work


def _breaking(error):
    work = _job_math.start(None)

    def parse(*_, **__):
        raise error

    math_verify.parse = parse
    return work
