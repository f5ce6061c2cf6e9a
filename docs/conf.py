"""How the documentation is built: `make docs`, without network; warnings are errors."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from graphsearch import __version__

project = "graphsearch"
author = "the graphsearch authors"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
nitpicky = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
add_module_names = False
default_role = "code"

html_theme = "furo"
html_title = "graphsearch"
html_show_sphinx = False
html_show_copyright = False


def _rows(name: str, schema: dict, definitions: dict) -> list[str]:
    """One Markdown table: the keys of an object of the configuration's schema."""
    rows = [f"## {name}", "", schema.get("description", "").split("\n\n")[0], ""]
    rows += ["| key | default | meaning |", "|---|---|---|"]
    for key, field in schema.get("properties", {}).items():
        default = f"`{json.dumps(field['default'])}`" if "default" in field else ""
        meaning = " ".join(field.get("description", "").split()).replace("|", "\\|")
        rows.append(f"| `{key}` | {default} | {meaning} |")
    return [*rows, ""]


def write_configuration_page() -> None:
    """Make the page of all configuration keys from the JSON Schema that the loader validates by."""
    home = Path(__file__).parent
    schema = json.loads((home.parent / "configs" / "schema.json").read_text(encoding="utf-8"))
    definitions = schema.get("$defs", {})
    lines = [
        "# Configuration keys",
        "",
        "All keys of a configuration (YAML), with their defaults. The same names are arguments of",
        "`graphsearch.optimize`. Made from `configs/schema.json`, which editors validate by.",
        "",
        *_rows("The configuration", schema, definitions),
    ]
    for name, part in definitions.items():
        if part.get("properties"):
            lines += _rows(f"`{name}`", part, definitions)
    (home / "reference" / "configuration.md").write_text("\n".join(lines), encoding="utf-8")


SECTIONS = {"Args:", "Attributes:", "Returns:", "Yields:", "Raises:"}


def literal_blocks(app, what, name, obj, options, lines) -> None:
    """Indented blocks of a docstring are shown as they stand: trees, tables, code.

    A block begins after a blank line, outside the sections of a Google docstring.
    """
    shown, inside, section, blank = [], False, False, False
    for line in lines:
        is_indented = line.startswith("    ")
        if is_indented and blank and not inside and not section:
            shown += ["::", ""]
            inside = True
        if line.strip():
            inside = inside and is_indented
            if not is_indented:
                section = line.strip() in SECTIONS
        blank = not line.strip()
        shown.append(line)
    lines[:] = shown


def setup(app) -> None:
    app.connect("autodoc-process-docstring", literal_blocks, priority=400)


write_configuration_page()
