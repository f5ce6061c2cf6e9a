"""The public names of the packages around the core."""

import pytest

import graphsearch.cli
import graphsearch.config
import graphsearch.export


@pytest.mark.parametrize(
    ("package", "names"),
    [
        (graphsearch.cli, {"main"}),
        (
            graphsearch.config,
            {
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
            },
        ),
        (
            graphsearch.export,
            {"SCHEMA_VERSION", "Answer", "Bundle", "load_bundle", "write_bundle"},
        ),
    ],
)
def test_public_names(package, names):
    assert set(package.__all__) == names
    assert all(hasattr(package, name) for name in names)
