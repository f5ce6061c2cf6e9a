"""The page in a real browser: silent console, no requests, nothing overlaps at two widths."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from graphsearch.report.page import render
from graphsearch.report.read import FinishedRun
from tests.report import records
from tests.support import chromium

WIDTHS = (1280, 420)

# Measures the page inside frames of both widths; the page itself can run no script.
PROBE = """<!doctype html><title>probe</title><link rel="icon" href="data:,"><body><script>
const overlaps = (page) => {
  const found = [];
  for (const svg of page.querySelectorAll("svg[role=img]")) {
    const texts = [...svg.querySelectorAll("text")]
      .map((text) => [text.textContent, text.getBoundingClientRect()])
      .filter(([, box]) => box.width > 0);
    const frame = svg.getBoundingClientRect();
    for (const [i, [a, p]] of texts.entries()) {
      if (p.left < frame.left - 1 || p.right > frame.right + 1) found.push(["leaves", a]);
      for (const [b, q] of texts.slice(i + 1)) {
        const across = Math.min(p.right, q.right) - Math.max(p.left, q.left);
        const down = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
        if (across > 1 && down > 3) found.push([a, b]);
      }
    }
  }
  return found;
};
const measure = (width) => new Promise((done) => {
  const frame = document.createElement("iframe");
  frame.style.width = width + "px";
  frame.onload = () => {
    const page = frame.contentDocument;
    done({ width, inside: page.documentElement.scrollWidth, overlaps: overlaps(page),
           pictures: page.querySelectorAll("svg[role=img]").length });
  };
  frame.src = "report.html";
  document.body.append(frame);
});
Promise.all(WIDTHS.map(measure)).then((seen) => {
  document.body.textContent = "SEEN" + JSON.stringify(seen) + "SEEN";
});
</script>""".replace("WIDTHS", json.dumps(WIDTHS))


@contextmanager
def served(pages: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    """Serves pages on this machine and notes every path that is asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = pages.get(self.path, "").encode()
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def browsed(url: str, profile: str) -> tuple[str, list[str]]:
    """The page after its scripts ran, and what the console said."""
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    done = subprocess.run(
        [
            *(chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", *quiet),
            *(f"--user-data-dir={profile}", "--enable-logging=stderr", "--window-size=1400,900"),
            *("--virtual-time-budget=20000", "--dump-dom", url),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def dense():
    """Long names, a deep graph and many graphs tried."""
    record = records.record(tried=200, rounds=40)
    record["winner"]["graph"] = records.complete(9)
    record["rounds"] = records.round_logs(40, slots=12)
    for entry in record["rounds"]:
        entry |= {"best": 0.5, "mean": 0.5}
    for row in record["baselines"]:
        row["name"] = f"self-consistency over many copies, {row['name']}"
    record["best_plain"] = f"self-consistency over many copies, {record['best_plain']}"
    return record


@pytest.mark.parametrize("record", [records.record(), dense()], ids=["usual", "dense"])
def test_the_page_is_silent_asks_for_nothing_and_fits_both_widths(record, tmp_path):
    pages = {"/probe.html": PROBE, "/report.html": render(FinishedRun(record))}
    with served(pages) as (address, asked):
        dom, console = browsed(f"{address}/probe.html", str(tmp_path / "profile"))
    assert console == []
    assert asked == ["/probe.html", *["/report.html"] * len(WIDTHS)]
    seen = json.loads(dom.split("SEEN")[1])
    assert [entry["width"] for entry in seen] == list(WIDTHS)
    for entry in seen:
        assert entry["pictures"] > 20
        assert entry["inside"] <= entry["width"], "the page must not scroll sideways"
        assert entry["overlaps"] == []
