"""Records to put into stores, and a way round them."""

import sqlite3
from contextlib import closing

from graphsearch.ledger import Spend
from graphsearch.records.calls import Call, Message, Outcome, Reply, Sampling, Usage

CALL = Call("m", (Message("user", "2 + 2"),), Sampling(), stream="search", item="i1", sample=3)
SPEND = Spend.of({"units": 1.5, "flops": 9 * 10**18, "tokens": 12, "calls": 1})
REPLY = Reply("four", Usage(10, 2, 1), Outcome.ANSWERED, 0.25, {"finish": "stop"})


def key(number):
    return f"{number:032x}"


def do(folder, statement):
    """Run a statement behind a store's back."""
    with closing(sqlite3.connect(folder / "study.db")) as connection, connection:
        connection.execute(statement)
