"""The environment variables that LiteLLM reads the keys of well-known providers from."""

import os
from collections.abc import Mapping
from typing import Final

__all__ = ["missing_key"]

_VARIABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
    "cerebras": ("CEREBRAS_API_KEY",),
    "cohere": ("COHERE_API_KEY", "CO_API_KEY"),
    "deepseek": ("DEEPSEEK_API_KEY",),
    "fireworks_ai": (
        "FIREWORKS_API_KEY",
        "FIREWORKS_AI_API_KEY",
        "FIREWORKSAI_API_KEY",
        "FIREWORKS_AI_TOKEN",
    ),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "groq": ("GROQ_API_KEY",),
    "mistral": ("MISTRAL_API_KEY", "MISTRAL_AZURE_API_KEY"),
    "openai": ("OPENAI_API_KEY",),
    "openrouter": ("OPENROUTER_API_KEY", "OR_API_KEY"),
    "perplexity": ("PERPLEXITY_API_KEY", "PERPLEXITYAI_API_KEY"),
    "together_ai": (
        "TOGETHERAI_API_KEY",
        "TOGETHER_API_KEY",
        "TOGETHER_AI_API_KEY",
        "TOGETHER_AI_TOKEN",
    ),
    "xai": ("XAI_API_KEY",),
}
"""Any one of a provider's will do. Providers that are left out take their credentials in more ways
than one (roles, files, addresses), so that only a call can tell."""


def missing_key(served_name: str) -> str | None:
    """The first variable of a provider that has none of its keys set; None where that is unknown.

    Args:
        served_name: `provider/model`, as LiteLLM writes it.
    """
    variables = _VARIABLES.get(served_name.partition("/")[0], ())
    if not variables or any(os.environ.get(name, "").strip() for name in variables):
        return None
    return variables[0]
