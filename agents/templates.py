"""Templates of prompts: one folder, one sandbox.

Prompt sets and the search agent's prompts are both rendered here. A template may come from anybody
(a bundle, a folder), so it runs in Jinja's immutable sandbox with strict undefined names, where it
can neither run code nor silently leave a hole in a prompt, and within bounds on time and memory
(`_sandbox`), so that it cannot go on for ever either.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2

from graphsearch.agents._sandbox import BoundedEnvironment, bounded, joined
from graphsearch.records.calls import Message
from graphsearch.records.errors import ConfigError

__all__ = ["Templates"]


class Templates:
    """The templates of one folder, ready to render.

    Args:
        folder: where they lie.
        filters: beside Jinja's own.
    """

    def __init__(self, folder: Path, filters: Mapping[str, Callable[..., str]]) -> None:
        self._name = folder.name
        self._environment = BoundedEnvironment(
            filters,
            loader=jinja2.FileSystemLoader(folder),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            autoescape=False,  # prompts are plain text, not HTML
        )
        self._compiled: dict[str, jinja2.Template] = {}

    def get(self, name: str) -> jinja2.Template:
        """A compiled template.

        Raises:
            ConfigError: it is absent or has a mistake; file and line are named.
        """
        template = self._compiled.get(name)
        if template is None:
            try:
                with bounded({}):  # constants are worked out here
                    template = self._environment.get_template(name)
            except jinja2.TemplateSyntaxError as error:
                where = f"prompts/{self._name}/{error.name}:{error.lineno}"
                raise ConfigError(f"{error.message}", where=where) from None
            except RecursionError:
                where = f"prompts/{self._name}/{name}"
                raise ConfigError("is nested too deeply", where=where) from None
            except jinja2.TemplateNotFound:
                raise ConfigError(f"no template {name!r}", where=f"prompts/{self._name}") from None
            # Copied for each prompt: a chain of mappings takes ten times as long as a plain one.
            template.globals = dict(template.globals)
            self._compiled[name] = template
        return template

    def render(self, name: str, values: Mapping[str, Any]) -> tuple[Message, ...]:
        """The messages of a template.

        Each block is one message and its name the message's role; a template without blocks is
        one `user` message. Text is stripped, and a message without text is left out.

        Raises:
            ConfigError: the template uses a name that is not given, or something the sandbox
                does not allow.
        """
        template = self.get(name)
        try:
            context = template.new_context(dict(values))
            blocks = template.blocks or {"user": template.root_render_func}
            with bounded(values):
                said = [(role, joined(block(context)).strip()) for role, block in blocks.items()]
        except Exception as error:  # whatever a template from outside may run into
            raise ConfigError(str(error), where=f"prompts/{self._name}/{name}") from error
        return tuple(Message(role, text) for role, text in said if text)
