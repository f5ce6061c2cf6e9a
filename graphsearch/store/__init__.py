"""Where a study keeps everything: replies, verdicts, trials, checkpoints, facts about itself.

One writer, many replies a transaction, nothing used before it is on disk. SQLite today, any
database that SQLAlchemy speaks to by URL.
"""

from graphsearch.store.journal import Journal
from graphsearch.store.store import SCHEMA_VERSION, Store
from graphsearch.store.verdicts import Verdicts

__all__ = ["SCHEMA_VERSION", "Journal", "Store", "Verdicts"]
