"""Ctrl-C: the first stops a search with all kept, the second ends it at once."""

import signal
import subprocess
import sys

import pytest

STUCK = """
import asyncio, signal, sys
from graphsearch.cli._interrupts import run_stoppable

async def search():
    print("searching", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        print("stopping", flush=True)
        if {stuck}:
            await asyncio.Event().wait()

signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    run_stoppable(search)
except KeyboardInterrupt:
    print("stopped", flush=True)
    sys.exit(130)
"""


@pytest.mark.parametrize("stuck", [False, True])
def test_a_second_one_ends_what_the_first_could_not(stuck):
    with subprocess.Popen(
        [sys.executable, "-c", STUCK.replace("{stuck}", str(stuck))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "searching\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "stopping\n"
        if stuck:
            process.send_signal(signal.SIGINT)
        out, err = process.stdout.read(), process.stderr.read()  # `communicate` skips what is read
    assert process.returncode == 130
    assert out == ("" if stuck else "stopped\n")
    assert err.splitlines() == [
        "stopped at once; all replies on disk are kept, calls that were under way are not booked"
    ] * (stuck is True)
