"""What a search is made of, checked before anything is spent: a YAML file, options, or arguments.

    spec = load_spec("puzzle.yaml", {"seed": 1})
    text = spec_yaml(spec)      # the effective configuration, every default written out

`graphsearch.spec.build` makes an experiment of it, and `graphsearch.spec.arguments` a `Spec` of the
arguments of `graphsearch.optimize`.
"""

from graphsearch.spec._places import Origin, placed
from graphsearch.spec.loader import (
    absolute_options,
    config_names,
    find_config,
    json_schema,
    load_spec,
    parse_spec,
    spec_digest,
    spec_yaml,
)
from graphsearch.spec.models import (
    BASELINES,
    SCHEMA_VERSION,
    AgentSpec,
    BaselineKind,
    Calls,
    Evaluation,
    ProfileSpec,
    SearcherSpec,
    SpaceSpec,
    Spec,
    TaskSpec,
)

__all__ = [
    "BASELINES",
    "SCHEMA_VERSION",
    "AgentSpec",
    "BaselineKind",
    "Calls",
    "Evaluation",
    "Origin",
    "ProfileSpec",
    "SearcherSpec",
    "SpaceSpec",
    "Spec",
    "TaskSpec",
    "absolute_options",
    "config_names",
    "find_config",
    "json_schema",
    "load_spec",
    "parse_spec",
    "placed",
    "spec_digest",
    "spec_yaml",
]
