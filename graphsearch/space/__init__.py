"""What graphs a search may use, and the probabilities over them (design/graph-space-distribution).

`Space` says what is allowed: slots, models, roles, sinks and the budget per question.
`Distribution` draws graphs from it, each within the budget, with exact log-probabilities.
"""

from graphsearch.space._distribution import Distribution
from graphsearch.space._logits import Logits
from graphsearch.space._options import EdgeRule, RoleOption, SinkOption
from graphsearch.space._space import Space
from graphsearch.space._trace import Trace

__all__ = ["Distribution", "EdgeRule", "Logits", "RoleOption", "SinkOption", "Space", "Trace"]
