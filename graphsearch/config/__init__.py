"""Configuration: one YAML file that describes a search, checked before anything is spent.

    config = load_config("puzzle.yaml", {"seed": 1})
    text = config_yaml(config)      # the effective configuration, every default written out

The core knows nothing of this package; names of tasks, searchers and agents are joined to the
parts by registries.
"""

from graphsearch.config._fleets import written_fleet
from graphsearch.config._join import check_agent, check_names, pinned, study_arguments
from graphsearch.config._load import (
    absolute_options,
    config_digest,
    config_names,
    config_yaml,
    find_config,
    json_schema,
    load_config,
    parse_config,
)
from graphsearch.config._models import (
    SCHEMA_VERSION,
    AgentConfig,
    CallsConfig,
    Config,
    EvaluationConfig,
    ProfileConfig,
    SearcherConfig,
    SpaceConfig,
    TaskConfig,
)
from graphsearch.config._place import placed
from graphsearch.config._python import taken_apart

__all__ = [
    "SCHEMA_VERSION",
    "AgentConfig",
    "CallsConfig",
    "Config",
    "EvaluationConfig",
    "ProfileConfig",
    "SearcherConfig",
    "SpaceConfig",
    "TaskConfig",
    "absolute_options",
    "check_agent",
    "check_names",
    "config_digest",
    "config_names",
    "config_yaml",
    "find_config",
    "json_schema",
    "load_config",
    "parse_config",
    "pinned",
    "placed",
    "study_arguments",
    "taken_apart",
    "written_fleet",
]
