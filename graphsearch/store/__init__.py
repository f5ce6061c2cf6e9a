"""Where a study keeps everything: the journal of calls, trials, checkpoints, facts about itself.

One writer, many replies a transaction, nothing used before it is on disk. SQLite today, any
database that SQLAlchemy speaks to by URL.
"""

from graphsearch.store.journal import Journal
from graphsearch.store.store import SCHEMA_VERSION, Store

__all__ = ["SCHEMA_VERSION", "Journal", "Store"]
