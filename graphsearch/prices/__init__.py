"""Prices and contexts of models, from a dated file that comes along or one of the user's own.

What neither the fleet nor a file tells stays unknown.
"""

from graphsearch.prices._list import Price, PriceList, with_prices

__all__ = ["Price", "PriceList", "with_prices"]
