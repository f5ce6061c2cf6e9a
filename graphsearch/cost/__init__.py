"""What a call or a graph costs, in any currency (design/graph-space-distribution).

`CostModel` turns an expected or a real usage of tokens into FLOPs, units, tokens, dollars,
seconds or calls; `Amount` is a budget or a spend with its currency.
"""

from graphsearch.cost._amount import CURRENCIES, Amount, Currency
from graphsearch.cost._lengths import Lengths, ModelLengths
from graphsearch.cost._model import PROFILES, CostModel, parse_profile
from graphsearch.records.tasks import TokenProfile

__all__ = [
    "CURRENCIES",
    "PROFILES",
    "Amount",
    "CostModel",
    "Currency",
    "Lengths",
    "ModelLengths",
    "TokenProfile",
    "parse_profile",
]
