"""Export: the winner of a study as a bundle, a folder that answers questions elsewhere.

    bundle = write_bundle("runs/puzzle", "bundle")
    with load_bundle("bundle") as bundle:
        print(bundle.answer_sync("P 2 7 9 10 > 36").text)

A bundle is data alone: loading it checks its digest and runs no code out of it.
"""

from graphsearch.export._bundle import Answer, Bundle
from graphsearch.export._load import load_bundle
from graphsearch.export._write import write_bundle
from graphsearch.export.record import SCHEMA_VERSION

__all__ = ["SCHEMA_VERSION", "Answer", "Bundle", "load_bundle", "write_bundle"]
