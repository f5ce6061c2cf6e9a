"""What training leaves on disk: weights as Hugging Face folders, and checkpoints to resume from."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from graphsearch.engines.embedded.vocabulary import EOS, IDS, PAD, UNKNOWN
from training.model import Llama, hugging_face_config

FORMAT: Final = 1
POSITIONS: Final = 256
# What `prompt_text` of the NumPy engine does: contents in order, a space between them.
_CHAT_TEMPLATE: Final = (
    "{% for message in messages %}"
    "{{ '' if loop.first else ' ' }}{{ message['content'] }}"
    "{% endfor %}"
)


@dataclass(frozen=True, slots=True)
class Card:
    """What a set of weights is: ``card.json`` beside it.

    Attributes:
        format: version of the text formats the weights were trained on.
        tokens: tokens trained on so far, prompts included.
        planned_tokens: tokens the schedule was made for; equal to or below `tokens` when finished.
    """

    size: str
    parameters: int
    seed: int
    steps: int
    tokens: int
    planned_tokens: int
    format: int = FORMAT

    @property
    def finished(self) -> bool:
        """True when the schedule was run to its end."""
        return self.tokens >= self.planned_tokens


def read_card(folder: Path) -> Card | None:
    """The card of a weights folder, or None where there is none."""
    path = folder / "card.json"
    return Card(**json.loads(path.read_text())) if path.exists() else None


def save_weights(model: Llama, folder: Path, card: Card) -> None:
    """Write a folder that transformers, vLLM and the NumPy engine load: fp16, Llama names."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"model.{n}": p.detach().half().contiguous() for n, p in model.named_parameters()}
    _replace(folder / "model.safetensors", tensors, {"format": "pt"})
    texts = {
        "config.json": hugging_face_config(model.shape, positions=POSITIONS),
        "tokenizer.json": _tokenizer(),
        "tokenizer_config.json": _tokenizer_config(),
        "card.json": asdict(card),
    }
    for name, value in texts.items():
        temporary = folder / f".{name}"
        temporary.write_text(json.dumps(value, indent=1) + "\n")
        temporary.replace(folder / name)


def save_checkpoint(path: Path, tensors: dict[str, Tensor], card: Card) -> None:
    """Write everything training needs to go on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, tensors, {"card": json.dumps(asdict(card))})


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], Card]:
    """What `save_checkpoint` wrote."""
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return tensors, Card(**json.loads(file.metadata()["card"]))


def load_weights(model: Llama, folder: Path) -> Llama:
    """Fill a model with the weights of a folder, as float32."""
    tensors = load_file(folder / "model.safetensors")
    model.load_state_dict({n.removeprefix("model."): t.float() for n, t in tensors.items()})
    return model


def _replace(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(save(tensors, metadata=metadata))  # save_file would deny others to read
    temporary.replace(path)


def _tokenizer() -> dict[str, object]:
    special = [
        {
            "id": IDS[word],
            "content": word,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for word in (PAD, EOS, UNKNOWN)
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": IDS, "unk_token": UNKNOWN},
    }


def _tokenizer_config() -> dict[str, object]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": EOS,
        "pad_token": PAD,
        "unk_token": UNKNOWN,
        "clean_up_tokenization_spaces": False,
        "model_max_length": POSITIONS,
        "chat_template": _CHAT_TEMPLATE,
    }
