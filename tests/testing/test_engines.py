"""The conformance suite can be used by packages of others."""

import subprocess
import sys


def test_it_needs_no_pytest_and_no_engine():
    code = (
        "import sys\n"
        "sys.modules['pytest'] = None\n"
        "from graphsearch.testing import EngineConformance\n"
        "class Mine(EngineConformance):\n"
        "    def make_engine(self): ...\n"
        "    def make_call(self, index): ...\n"
        "Mine()\n"
        "loaded = [m for m in sys.modules if m.startswith('graphsearch.engines.')]\n"
        "print(sorted(loaded))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['graphsearch.engines.base']"
