"""The report: one HTML page, without scripts and without a single outside address.

`write_report` makes the page from a run folder or a `Result`; `fragment` makes the small table
that a notebook shows.
"""

from graphsearch.report._page import fragment, write_report

__all__ = ["fragment", "write_report"]
