"""What every exporter must do, as tests that outside exporters can import.

class TestMine(ExporterConformance):
def exporter(self):
return write_mine
"""

from pathlib import Path

import pytest

from graphsearch.exporters import Exporter
from graphsearch.records.errors import StoreError

__all__ = ["ExporterConformance"]


class ExporterConformance:
    """Tests of the `Exporter` protocol; subclasses say which.

    Attributes:
        suffix: of what it writes (`.html`); "" for a folder.
    """

    suffix = ""

    def exporter(self) -> Exporter:
        """The exporter."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def run(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """The folder of a finished study, with a held-out test and a baseline."""
        import graphsearch

        folder: Path = tmp_path_factory.mktemp("finished") / "run"
        graphsearch.optimize(
            task="puzzle",
            fleet="embedded",
            graph_budget="3 units",
            search_budget="900 units",
            space={"slots": 2, "models": ["nano", "xs"]},
            searcher="random",
            agent=None,
            settings={
                "rounds": 1,
                "per_round": 2,
                "blocks": [4],
                "search_items": 4,
                "selection_items": 4,
                "test_items": 10,
                "min_test_items": 4,
            },
            out=folder,
        )
        return folder

    def test_it_writes_its_target_and_nothing_else(self, run: Path, tmp_path: Path) -> None:
        """The study is read only, and nothing is left beside the target."""
        before = contents(run)
        target = tmp_path / f"made{self.suffix}"
        self.exporter()(run, target)
        assert contents(run) == before
        assert [path.name for path in tmp_path.iterdir()] == [target.name]
        assert target.is_file() if self.suffix else any(target.iterdir())

    def test_equal_studies_are_written_equally(self, run: Path, tmp_path: Path) -> None:
        """No time, no random name in it."""
        first, again = tmp_path / "1", tmp_path / "2"
        for folder in (first, again):
            folder.mkdir()
            self.exporter()(run, folder / f"made{self.suffix}")
        assert contents(first) == contents(again)

    def test_a_result_will_do_as_well_as_its_folder(self, run: Path, tmp_path: Path) -> None:
        """A study that was run in memory has no folder."""
        from graphsearch.study.result import Result

        target = tmp_path / f"made{self.suffix}"
        self.exporter()(Result.load(run).without_folder(), target)
        assert target.exists()

    def test_a_folder_without_a_result_is_refused(self, tmp_path: Path) -> None:
        """And nothing is written."""
        empty, target = tmp_path / "run", tmp_path / f"made{self.suffix}"
        empty.mkdir()
        with pytest.raises(StoreError):
            self.exporter()(empty, target)
        assert not target.exists()


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
