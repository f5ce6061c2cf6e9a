"""Promise 13: a key from the environment appears in no store, log, report, export or error.

`tests.secrets_driver` does everything that can be done with a planted key, servers that quote it
back among it, and says all it can; here everything it left behind is searched.
"""

import base64
import json
import os
import subprocess
import sys
from html import escape
from pathlib import Path
from urllib.parse import quote

import pytest

from graphsearch.engines.keys import Key

ROOT = Path(__file__).parents[1]
SECRET = "sk-planted/4711+secret=="
PASSWORD = "pw-planted-0815"
ENVIRONMENT = {"PLANTED_KEY": SECRET, "PLANTED_PASSWORD": PASSWORD, "PYTHONASYNCIODEBUG": "1"}


def spellings(secret):
    """A secret as it is, and as files may hold it."""
    plain = {
        secret,
        escape(secret),
        quote(secret),
        quote(secret, safe=""),
        json.dumps(secret)[1:-1],
    }
    plain |= {secret.replace("/", "\\/"), "".join(f"&#{ord(letter)};" for letter in secret)}
    plain |= {base64.b64encode(secret.encode()).decode(), secret[::-1], secret[3:-3]}
    plain.add("".join(c if c.isalnum() else f"\\u{ord(c):04x}" for c in secret))
    return [text.encode() for text in plain] + [secret.encode("utf-16-le")]


def act(home, *options):
    """Run the driver; everything it said is in files beside those it wrote."""
    home.mkdir(exist_ok=True)
    command = [sys.executable, "-X", "dev", "-m", "tests.secrets_driver", str(home), *options]
    with (home / "stdout").open("wb") as out, (home / "stderr").open("wb") as err:
        ended = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **ENVIRONMENT},
            stdout=out,
            stderr=err,
            check=False,
        )
    assert ended.returncode == 0, (home / "stderr").read_text()[-2000:]
    return json.loads((home / "codes.json").read_text())


def leaks(home):
    """Files that hold one of the secrets."""
    wanted = [*spellings(SECRET), *spellings(PASSWORD)]
    files = [path for path in home.rglob("*") if path.is_file()]
    found = {path: path.read_bytes() for path in files}
    return [str(path) for path, data in found.items() if any(text in data for text in wanted)]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    home = tmp_path_factory.mktemp("secrets") / "home"
    return home, act(home)


def test_no_file_and_no_stream_holds_a_secret(done):
    home, _ = done
    assert leaks(home) == []


def test_what_was_searched_is_what_there_is(done):
    """Or the test above would pass because nothing was written."""
    home, codes = done
    names = {path.name for path in home.rglob("*") if path.is_file()}
    assert {"study.db", "study.db-wal", "events.jsonl", "report.html", "result.json"} <= names
    assert {"config.yaml", "graph.json", "timing.json", "stdout", "stderr", "log.txt"} <= names
    servers = set(codes) - {"misplaced", "databases"}
    answering = {name for name in servers if name.split()[-1] in ("fine", "quoting", "escaping")}
    for server in answering:
        assert set(codes[server].values()) == {0}, (server, codes[server])
    for server in servers - answering:
        assert codes[server]["doctor"] == 1, server
        assert codes[server]["run"] == 1, server
    assert 0 not in codes["misplaced"].values()
    assert set(codes["databases"].values()) == {2}
    said = (home / "stdout").read_bytes() + (home / "stderr").read_bytes()
    assert b"[PLANTED_KEY]" in said, "no server quoted the key"
    assert b"***" in said, "no database quoted its password"
    assert b"HttpEngine(" in (home / "reachable.txt").read_bytes()
    kept = [path for path in home.rglob("study.db*") if b"[PLANTED_KEY]" in path.read_bytes()]
    assert kept, "no reply and no failure on disk had quoted the key"


def test_a_leak_would_be_found(tmp_path):
    act(tmp_path / "home", "--leaky")
    found = {Path(path).name for path in leaks(tmp_path / "home")}
    assert {"stdout", "study.db"} <= found


@pytest.mark.parametrize("secret", [SECRET, 'a"b\\c/d&e<f>', "plain-and_simple.42"])
def test_a_key_is_hidden_however_it_is_written(monkeypatch, secret):
    monkeypatch.setenv("SOME_KEY", secret)
    key = Key("SOME_KEY")
    assert secret not in repr(key)
    odd = [letter for letter in secret if not letter.isalnum()]
    written = {
        secret,
        json.dumps(secret)[1:-1],
        escape(secret),
        quote(secret),
        quote(secret, safe=""),
        *("".join(form(c) if c in odd else c for c in secret) for form in FORMS),
    }
    for text in written:
        assert key.hide(f"x {text} y".encode()) == b"x [SOME_KEY] y", text


FORMS = (
    lambda letter: f"\\u{ord(letter):04x}",
    lambda letter: f"\\u{ord(letter):04X}",
    lambda letter: f"&#{ord(letter)};",
    lambda letter: f"&#x{ord(letter):X};",
)
