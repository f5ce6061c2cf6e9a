"""The report: one HTML page, without scripts and without a single outside address.

`write_report` makes the page from a run folder or a `Result`.
"""

from graphsearch.report.page import write_report

__all__ = ["write_report"]
