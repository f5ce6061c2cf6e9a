"""Our exporters keep the promises that outside ones are held to."""

from graphsearch.exporters import EXPORTERS
from graphsearch.testing import ExporterConformance


class TestBundle(ExporterConformance):
    def exporter(self):
        return EXPORTERS.find("bundle")


class TestReport(ExporterConformance):
    suffix = ".html"

    def exporter(self):
        return EXPORTERS.find("report")


def test_a_package_brings_an_exporter(installed, tmp_path):
    code = """
        from pathlib import Path

        def write(source, target, *, greeting="hello"):
            Path(target).write_text(greeting)
            return target
    """
    installed("graphsearch.exporters", "greeting", "greetings:write", code)
    assert "greeting" in EXPORTERS.names()
    EXPORTERS.find("greeting")(tmp_path, tmp_path / "x", greeting="good day")
    assert (tmp_path / "x").read_text() == "good day"
