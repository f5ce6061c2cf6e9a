"""What a search will take, before it spends anything.

Graphs are drawn from the first distribution over the space, and the schedule of the study is
played with them: races with stops, the window over the search items, selection, sealed test and
baselines. Nothing is run; a call is known by its place in its graph, which tells exactly which
calls two graphs share.
"""

from graphsearch.study.quote._make import NO_ROUND, make_quote
from graphsearch.study.quote._record import Phase, Quote, Range

__all__ = ["NO_ROUND", "Phase", "Quote", "Range", "make_quote"]
