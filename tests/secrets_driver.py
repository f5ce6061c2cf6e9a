"""Does with a planted key everything that the command line can do, and says all it can say.

    python -X dev -m tests.secrets_driver FOLDER [--leaky]

Runs in a process of its own: development mode, asyncio's debug mode, every logger at DEBUG,
tracebacks with local variables. The key is in the environment (`PLANTED_KEY`); servers of every
kind quote it back. Exit codes go to FOLDER/codes.json; files stay where the commands put them.
`--leaky` takes the hiding away, so that the test can see itself fail.
"""

import asyncio
import gc
import json
import logging
import os
import shutil
import sqlite3
import sys
import threading
import time
import traceback
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from benchmarks._world import answer, questions
from graphsearch.testing import StubReply, StubServer

SECRET = os.environ.get("PLANTED_KEY", "")
TALK = {"locals": True}
PACE = {"hang": 3000.0}
"""How much faster than time clocks run: fastest where everything is to time out, and hardly where
the server's own words are what it is about: a busy machine must not make timeouts of them."""

ONCE = ("fine", "quoting", "escaping", "wrong_key", "escaped_400", "redirect")
"""Servers that are asked once a call."""

CONFIG = {
    "schema_version": 1,
    "task": {"file": "sums.jsonl", "options": {"grader": "numeric"}},
    "fleet": "fleet.yaml",
    "space": {"slots": 2, "sinks": ["assistant"]},
    "graph_budget": "20 units",
    "search_budget": "20000 units",
    "searcher": "agent-reinforce",
    "evaluation": {
        "per_round": 2,
        "blocks": [2],
        "rounds": 1,
        "baselines": ["single"],
        "search_items": 20,
        "finalists": 2,
        "selection_items": 4,
        "test_items": 4,
        "test_block": 4,
        "min_test_items": 2,
    },
}
MODEL = {"parameters": 10**9, "layers": 16, "width": 2048, "engine": "http"}


def told(text, **options):
    """A reply that quotes the key, in the end as the JSON of the response."""
    return lambda asked: StubReply(f"{text} {SECRET}", **options)


def escaped(asked):
    """A completion in whose JSON the key is written in other letters: \\/ and \\u002b."""
    text = f"So it is {SECRET} ! Answer: 7"
    quoted = "".join(f"\\u{ord(c):04x}" if not c.isalnum() else c for c in text)
    whole = json.dumps({"choices": [{"message": {"content": "?"}, "finish_reason": "stop"}]})
    return StubReply(body=whole.replace("?", quoted).encode())


def escaped_error(asked):
    """An error, from a server that escapes slashes as PHP does."""
    message = json.dumps({"error": {"message": f"no such key: {SECRET}"}}).replace("/", "\\/")
    return StubReply(body=message.encode(), status=400)


SERVERS = {
    "fine": {"answer": answer, "key": SECRET},
    "quoting": {"answer": lambda a: StubReply(f"{SECRET} {answer(a)}", refusal=None)},
    "escaping": {"answer": escaped},
    "wrong_key": {"answer": answer, "key": "another key altogether"},
    "page_500": {
        "answer": told("<h1>oops</h1>", status=500, body=None, content_type="text/html"),
    },
    "escaped_400": {"answer": escaped_error},
    "headers": {
        "answer": told("busy", status=429, headers={"Retry-After": SECRET, "X-Key": SECRET}),
    },
    "redirect": {
        "answer": told("moved", status=307, headers={"Location": f"http://127.0.0.1/{SECRET}"}),
    },
    "type": {"answer": told("", content_type=f"text/{SECRET}")},
    "cut_json": {"answer": told("so"), "rates": {"cut_json": 1}},
    "cut_body": {"answer": told("so"), "rates": {"cut_body": 1}},
    "no_http": {"answer": told("so"), "rates": {"no_http": 1}},
    "reset": {"answer": answer, "rates": {"reset": 1}},
    "hang": {"answer": answer, "rates": {"hang": 1}},
}
ANSWERING = ("fine", "quoting", "escaping")  # behind `litellm` too
FEW = ("fine", "wrong_key", "litellm fine", "litellm wrong_key")
NAMED = ("fine", "wrong_key")
LITELLM = {"engine": "litellm", "served_name": "openai/small"}
if find_spec("litellm"):
    kinds = ("fine", "quoting", "escaping", "wrong_key", "page_500", "cut_json", "headers")
    SERVERS |= {f"litellm {name}": SERVERS[name] for name in kinds}


# -- the process -----------------------------------------------------------------------------------


class FastLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock runs faster than time, so that nobody waits between attempts."""

    pace = 1.0

    def time(self):
        return super().time() * self.pace

    def _run_once(self):
        select = self._selector.select
        self._selector.select = lambda timeout=None: select(
            None if timeout is None else timeout / self.pace
        )
        try:
            super()._run_once()
        finally:
            self._selector.select = select


class FastPolicy(asyncio.DefaultEventLoopPolicy):
    _loop_factory = FastLoop


def talk(home):
    """Have everything that can be said said."""
    logging.basicConfig(level=logging.NOTSET, filename=home / "log.txt", force=True)
    known = traceback.print_exception

    def with_locals(error, *rest, **options):
        if rest:  # what logging prints
            return known(error, *rest, **options)
        shown = traceback.TracebackException.from_exception(error, capture_locals=TALK["locals"])
        lines = shown.format()
        return print("".join(lines), file=options["file"])

    traceback.print_exception = with_locals
    asyncio.set_event_loop_policy(FastPolicy())


ALIVE = []


def keep_snapshots(home):
    """Copy run folders before they are closed: the write-ahead log is still there.

    The studies are kept alive, and so all that they are made of: `reachable` looks at it.
    """
    from graphsearch.study.study import Study

    begin, close = Study.open, Study.aclose
    folders = {}

    def open_and_note(experiment, folder, **more):
        study = begin(experiment, folder, **more)
        folders[study] = Path(folder)
        return study

    async def copy_and_close(self):
        copy = home / "snapshots" / f"{folders[self].parent.name}-{len(os.listdir(home))}"
        shutil.copytree(folders[self], copy, dirs_exist_ok=True)
        await close(self)
        ALIVE.append(self)

    Study.open, Study.aclose = open_and_note, copy_and_close


def leak():
    from graphsearch.engines.keys import Key

    Key.hide = lambda self, data: data


@contextmanager
def serving(options):
    """A stub server in a thread with a clock of its own."""
    options = dict(options)
    server = StubServer(options.pop("answer"), **options)
    loop = asyncio.SelectorEventLoop()
    loop.run_until_complete(server.start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def command(*words):
    """A command of graphsearch, in this process; its exit code."""
    from graphsearch.cli import app

    print(">>>", round(time.monotonic(), 2), words[0], flush=True)
    try:
        app([str(word) for word in words])
    except SystemExit as ended:
        return ended.code or 0
    return 0


def write_fleet(folder, url, **changes):
    fields = {**MODEL, "endpoint": url, "api_key_env": "PLANTED_KEY", **changes}
    models = [{"name": "small", **fields}, {"name": "large", **fields, "parameters": 3 * 10**9}]
    fleet = {"name": "planted", "unit_model": "small", "models": models}
    (folder / "fleet.yaml").write_text(json.dumps(fleet))


def visit(name, folder, url):
    """Everything that can be done with one server; the exit codes."""
    folder.mkdir()
    questions(folder / "sums.jsonl")
    kind = name.removeprefix("litellm ")
    write_fleet(folder, url, **(LITELLM if kind != name else {}))
    config, run, fleet = folder / "config.yaml", folder / "run", folder / "fleet.yaml"
    agent = {"name": "chat", "model": "large"} if kind in ANSWERING else "rules"
    config.write_text(json.dumps({**CONFIG, "agent": agent}))
    codes = {
        "doctor": command("doctor", "--fleet", fleet, "--json"),
        "run": command("run", config, "--out", run, "--debug"),
    }
    if kind in ANSWERING:
        codes["report"] = command("report", run)
        codes["export"] = command("export", run, folder / "bundle", "--json")
    if name in FEW:
        codes["doctor in words"] = command("doctor", "--fleet", fleet)
        codes["resume"] = command("resume", run, "--json", "--debug")
        codes["status"] = command("status", run, "--json")
    if name in NAMED:
        several = named(folder, f"{url}#small")
        codes["named doctor"] = command("doctor", *several[:4], "--json")
        codes["named run"] = command("run", *several, "--out", folder / "named", "--debug")
    if name == "fine":
        codes["quote"] = command("quote", config)
        codes["quote --json"] = command("quote", config, "--json")
        codes["run --json"] = command("run", config, "--out", folder / "again", "--json")
    return codes


def named(folder, model, variable="PLANTED_KEY"):
    """Options that name a model on the command line, and then the questions and budgets."""
    name = model.partition("#")[2]
    words = ["--model", model, "--api-key-env", f"{name}={variable}"]
    words += ["--data", folder / "sums.jsonl", "--grader", "numeric"]
    words += ["--profile", "60,256"]  # told, so that few tokens pay for the whole search
    return [*words, "--graph-budget", "700 tokens", "--search-budget", "60000 tokens"]


def misplaced(folder):
    """A key where none belongs: in an address, as the name of its variable, in a command."""
    folder.mkdir()
    questions(folder / "sums.jsonl")
    config = folder / "config.yaml"
    config.write_text(json.dumps(CONFIG))
    codes = {}
    for name, changes in {
        "user": {"endpoint": f"http://me:{SECRET}@127.0.0.1:9/v1"},
        "query": {"endpoint": f"http://127.0.0.1:9/v1?api_key={SECRET}"},
        "variable": {"api_key_env": SECRET},
    }.items():
        write_fleet(folder, "http://127.0.0.1:9/v1", **changes)
        given = (folder / "fleet.yaml").read_text()
        for words in (("doctor", "--fleet", folder / "fleet.yaml"), ("run", config, "--debug")):
            more = ("--out", folder / name) if words[0] == "run" else ()
            codes[f"{name} {words[0]}"] = command(*words, *more, "--json")
        (folder / "fleet.yaml").unlink()  # the user's own file may hold what the user wrote
        assert SECRET in given
    for name, words in {
        "named variable": named(folder, "http://127.0.0.1:9/v1#small", SECRET),
        "named user": named(folder, f"http://me:{SECRET}@127.0.0.1:9/v1#small"),
        "named query": named(folder, f"http://127.0.0.1:9/v1?key={SECRET}#small"),
    }.items():
        codes[f"{name} doctor"] = command("doctor", *words[:4], "--json")
        codes[f"{name} run"] = command("run", *words, "--out", folder / "named", "--debug")
    return codes


def databases(home):
    """Passwords of database addresses, which no message may repeat."""
    from graphsearch.records.errors import StoreError
    from graphsearch.store import Store

    codes = {}
    for scheme in ("postgresql", "nosuchbase", "broken"):
        try:
            Store.open(f"{scheme}://me:{os.environ['PLANTED_PASSWORD']}@127.0.0.1:9/base")
        except StoreError as error:
            codes[scheme] = 2
            print("database:", error, repr(error), repr(error.__cause__), repr(error.args))
            logging.getLogger("test").exception("database")
            shown = traceback.TracebackException.from_exception(error, capture_locals=True)
            print("".join(shown.format()))
        else:
            codes[scheme] = 0
    return codes


def register_broken_database():
    """A database whose driver puts the whole address, password and all, into its errors."""
    from sqlalchemy.dialects import registry
    from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

    class Broken(SQLiteDialect_pysqlite):
        supports_statement_cache = True

        @classmethod
        def get_pool_class(cls, url):
            from sqlalchemy.pool import NullPool

            return NullPool

        def create_connect_args(self, url):
            return [], {"dsn": url.render_as_string(hide_password=False)}

        def connect(self, *_, **options):
            raise sqlite3.OperationalError(f"invalid dsn: {options['dsn']}")

    registry.impls["broken"] = lambda: Broken


def reachable():
    """What every object of ours that is alive says of itself."""
    for thing in gc.get_objects():
        if str(type(thing).__module__).startswith("graphsearch"):
            yield repr(thing)
            fields = getattr(thing, "__dict__", None)
            if fields:
                yield repr(fields)


def main():
    home, leaky = Path(sys.argv[1]), "--leaky" in sys.argv
    talk(home)
    keep_snapshots(home)
    if leaky:
        leak()
    codes = {}
    for name, options in SERVERS.items():
        if leaky and name != "wrong_key":
            continue
        FastLoop.pace = PACE.get(name, 20.0 if name.split()[-1] in ONCE else 600.0)
        with serving(options) as server:
            codes[name] = visit(name, home / name, server.base_url)
    if not leaky:
        # A fleet's file that holds a key is read by frames that hold the file.
        TALK["locals"] = False
        codes["misplaced"] = misplaced(home / "misplaced")
        register_broken_database()
        codes["databases"] = databases(home)
    (home / "reachable.txt").write_text("\n".join(reachable()))
    (home / "codes.json").write_text(json.dumps(codes))
    logging.shutdown()


if __name__ == "__main__":
    main()
