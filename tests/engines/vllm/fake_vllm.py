"""Stands for `vllm serve` in tests: its flags, its paths, and a family of processes as it has.

Run as `python fake_vllm.py WEIGHTS --served-model-name NAME --host H --port P ...`. What it shall
do otherwise stands in FAKE: `fail` (says why and ends), `silent` (never gets well), `other` (has
another model), `stubborn` (does not end when asked).
"""

import argparse
import json
import os
import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

asleep = False


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        """Quiet."""

    def send(self, value, status=200):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        told = self.server.told
        if self.path == "/health":
            self.send({}, 503 if os.environ.get("FAKE") == "silent" else 200)
        elif self.path == "/v1/models":
            name = "other" if os.environ.get("FAKE") == "other" else told.served_model_name
            key = os.environ.get("VLLM_API_KEY")
            if key and self.headers.get("Authorization") != f"Bearer {key}":
                self.send({"error": "no"}, 401)
            else:
                self.send({"data": [{"id": name}]})
        elif self.path == "/is_sleeping":
            self.send({"is_sleeping": asleep})
        else:
            self.send({}, 404)

    def do_POST(self):
        global asleep
        if self.path.startswith("/sleep") and self.server.told.enable_sleep_mode:
            asleep = True
            self.send({})
        elif self.path.startswith("/wake_up"):
            asleep = False
            self.send({})
        else:
            self.send({}, 404)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("weights")
    for name in ("--served-model-name", "--host", "--dtype", "--revision", "--note"):
        parser.add_argument(name)
    for name in ("--port", "--max-model-len", "--max-num-seqs", "--tensor-parallel-size"):
        parser.add_argument(name, type=int)
    parser.add_argument("--gpu-memory-utilization", type=float)
    parser.add_argument("--enable-sleep-mode", action="store_true")
    told = parser.parse_args()
    print("weights", told.weights, flush=True)
    if os.environ.get("FAKE") == "fail":
        print("(Core) WARNING may lead to errors like OSError: too many files")
        print("(Core) ERROR ValueError: no such model", *["\n  File x"] * 40, flush=True)
        print("RuntimeError: see above", flush=True)
        sys.exit(3)
    if os.environ.get("FAKE") == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # As the engine core of vLLM, it does not end when the server is killed.
    code = "import signal, sys, time; signal.signal(signal.SIGTERM, {}); time.sleep(600)"
    stubborn = "signal.SIG_IGN" if os.environ.get("FAKE") == "stubborn" else "signal.SIG_DFL"
    core = subprocess.Popen([sys.executable, "-I", "-S", "-c", code.format(stubborn)])
    print("core", core.pid, flush=True)
    server = ThreadingHTTPServer((told.host, told.port), Handler)
    server.told = told
    try:
        server.serve_forever()
    finally:
        core.kill()


def ended(*_):
    raise SystemExit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, ended)
    main()
