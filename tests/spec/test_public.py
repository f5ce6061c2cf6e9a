"""The public names of the packages around the core."""

import pytest

import graphsearch.cli
import graphsearch.export
import graphsearch.spec


@pytest.mark.parametrize(
    ("package", "names"),
    [
        (graphsearch.cli, {"app", "main"}),
        (
            graphsearch.spec,
            {
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
