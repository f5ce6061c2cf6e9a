"""Functions that the tests of the `python` grader name: loaded in workers alone."""

import os
import time

from graphsearch.records.calls import Outcome
from graphsearch.records.tasks import Verdict


def equal(item, answer):
    return answer.strip() == str(item.gold)


def half(item, answer):
    return 0.5


def told(item, answer):
    return {"score": 1, "parsed": answer.upper(), "reason": item.meta["note"]}


def verdict(item, answer):
    return Verdict(0.25, Outcome.ANSWERED, "x", "a quarter")


def silent(item, answer):
    return Verdict(0.0, Outcome.UNPARSED, None, "nothing there")


def unnamed(item, answer):
    return {"score": 1}


def unread(item, answer):
    return {"score": None}


def breaks(item, answer):
    return {"right": 1.0}[answer]


def hangs_on_bad(item, answer):
    while answer == "bad":
        pass
    return True


def hangs(item, answer):
    time.sleep(3600)


def too_much(item, answer):
    return 2


def dies(item, answer):
    os._exit(1)


class Judge:
    @staticmethod
    def method(item, answer):
        return True
