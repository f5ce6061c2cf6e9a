"""Reads a model from a Hugging Face folder: its shape, its words and its weights.

Nothing is converted on disk: the folder that `transformers` loads and vLLM serves is the one that
is read here (`config.json`, `model.safetensors`, `tokenizer.json`).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graphsearch.records.errors import FleetError

__all__ = ["Array", "Checkpoint", "Shape", "Tokenizer", "builtin_folder", "model_digest"]

Array = npt.NDArray[np.float32]

_WEIGHTS_HOME = Path(__file__).parent / "weights"
_FILES = ("config.json", "model.safetensors", "tokenizer.json")


def builtin_folder(model: str) -> Path:
    """Where the package keeps the weights of `model` (the folder may not exist)."""
    return _WEIGHTS_HOME / model


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes and constants of a Llama model, as `config.json` gives them.

    Attributes:
        words: number of words in the vocabulary.
        width: length of a hidden state.
        layers: number of blocks.
        heads: number of query heads.
        kv_heads: number of key and value heads; divides `heads`.
        head_dim: length of a head.
        feed_forward: inner length of the feed-forward part.
        context: most tokens of prompt and reply together.
        rope_theta: base of the rotary embedding.
        norm_eps: what is added to the mean square in RMSNorm.
        ends: ids of the words that end a reply.
    """

    words: int
    width: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    feed_forward: int
    context: int
    rope_theta: float
    norm_eps: float
    ends: tuple[int, ...]

    @property
    def group(self) -> int:
        """Query heads that share one key head."""
        return self.heads // self.kv_heads

    def check(self, tensors: Mapping[str, Array], *, where: str) -> None:
        """Refuse weights of another shape.

        Raises:
            FleetError: a tensor is missing or has other sizes.
        """
        inner, kv = self.heads * self.head_dim, self.kv_heads * self.head_dim
        block = {
            "input_layernorm": (self.width,),
            "self_attn.q_proj": (inner, self.width),
            "self_attn.k_proj": (kv, self.width),
            "self_attn.v_proj": (kv, self.width),
            "self_attn.o_proj": (self.width, inner),
            "post_attention_layernorm": (self.width,),
            "mlp.gate_proj": (self.feed_forward, self.width),
            "mlp.up_proj": (self.feed_forward, self.width),
            "mlp.down_proj": (self.width, self.feed_forward),
        }
        expected: dict[str, tuple[int, ...]] = {
            f"model.layers.{layer}.{name}.weight": size
            for layer in range(self.layers)
            for name, size in block.items()
        }
        expected["model.embed_tokens.weight"] = (self.words, self.width)
        expected["model.norm.weight"] = (self.width,)
        for name, size in expected.items():
            if name not in tensors:
                raise FleetError(f"tensor {name} is missing", where=where)
            if tensors[name].shape != size:
                raise FleetError(
                    f"tensor {name} is {tensors[name].shape}, the configuration says {size}",
                    where=where,
                )

    @classmethod
    def of_config(cls, config: Mapping[str, Any], *, where: str = "config.json") -> "Shape":
        """The shape that a Hugging Face Llama configuration describes.

        Raises:
            FleetError: the configuration is not a plain Llama, or a value is missing.
        """
        for name, value in (("model_type", "llama"), ("hidden_act", "silu")):
            if config.get(name, value) != value:
                raise FleetError(
                    f"{name} is {config[name]!r}; the embedded engine runs {value!r} only",
                    where=where,
                )
        for name in ("attention_bias", "mlp_bias"):
            if config.get(name):
                raise FleetError(f"{name} is set; the embedded engine has no biases", where=where)
        try:
            ends = config["eos_token_id"]
            heads = int(config["num_attention_heads"])
            width = int(config["hidden_size"])
            return cls(
                words=int(config["vocab_size"]),
                width=width,
                layers=int(config["num_hidden_layers"]),
                heads=heads,
                kv_heads=int(config.get("num_key_value_heads", heads)),
                head_dim=int(config.get("head_dim") or width // heads),
                feed_forward=int(config["intermediate_size"]),
                context=int(config["max_position_embeddings"]),
                rope_theta=_rope_theta(config, where),
                norm_eps=float(config["rms_norm_eps"]),
                ends=tuple(int(end) for end in (ends if isinstance(ends, list) else [ends])),
            )
        except KeyError as error:
            raise FleetError(f"{error.args[0]!r} is missing", where=where) from None
        except (TypeError, ValueError) as error:
            raise FleetError(f"a value is not a number: {error}", where=where) from None


def _rope_theta(config: Mapping[str, Any], where: str) -> float:
    # transformers 5 moved the constant into `rope_parameters`; both forms are in use.
    nested = config.get("rope_parameters") or config.get("rope_scaling") or {}
    kind = nested.get("rope_type", "default")
    if kind != "default":
        raise FleetError(f"rope_type {kind!r} is not supported, 'default' is", where=where)
    theta = config.get("rope_theta")
    theta = nested.get("rope_theta") if theta is None else theta
    if theta is None:
        raise KeyError("rope_theta")
    return float(theta)


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """One token per word, words separated by white space (a `WordLevel` tokenizer).

    Attributes:
        ids: id of each word.
        words: the word of each id.
        hidden: ids that are left out of texts (end of reply, padding).
        unknown: the word that stands for all others; no prompt may use it.
    """

    ids: Mapping[str, int]
    words: tuple[str, ...]
    hidden: frozenset[int]
    unknown: str | None

    @classmethod
    def of_json(cls, data: Mapping[str, Any], *, where: str = "tokenizer.json") -> "Tokenizer":
        """The tokenizer a `tokenizer.json` describes.

        Raises:
            FleetError: it is not a `WordLevel` tokenizer, or its ids have holes.
        """
        model = data.get("model", {})
        if model.get("type") != "WordLevel":
            raise FleetError(
                f"tokenizer type {model.get('type')!r} is not supported, 'WordLevel' is",
                where=where,
            )
        ids = {str(word): int(index) for word, index in model["vocab"].items()}
        added = data.get("added_tokens", ())
        ids.update({str(token["content"]): int(token["id"]) for token in added})
        words = sorted(ids, key=ids.__getitem__)
        if [ids[word] for word in words] != list(range(len(words))):
            raise FleetError("the ids of the words are not 0, 1, 2, ...", where=where)
        hidden = frozenset(int(token["id"]) for token in added if token.get("special"))
        return cls(ids, tuple(words), hidden, model.get("unk_token"))

    def encode(self, text: str) -> tuple[int, ...]:
        """Ids of a text.

        Raises:
            KeyError: a word (the error's argument) is not in the vocabulary.
        """
        ids = self.ids
        if self.unknown is not None and self.unknown in text.split():
            raise KeyError(self.unknown)
        return tuple([ids[word] for word in text.split()])

    def decode(self, ids: list[int]) -> str:
        """Text of ids; special words are left out."""
        return " ".join([self.words[index] for index in ids if index not in self.hidden])


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model as it lies on disk.

    Attributes:
        shape: its sizes.
        tokenizer: its words.
        tensors: weights by their Hugging Face names, float32, [outputs, inputs].
        digest: `model_digest` of the folder.
    """

    shape: Shape
    tokenizer: Tokenizer
    tensors: Mapping[str, Array]
    digest: str

    @classmethod
    def load(cls, folder: Path | str) -> "Checkpoint":
        """Read a folder.

        Raises:
            FleetError: a file is missing or is not what it should be.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        folder = Path(folder)
        for name in _FILES:
            if not (folder / name).is_file():
                raise FleetError(f"{name} is missing", where=str(folder))
        config_file, weights_file, words_file = (folder / name for name in _FILES)
        shape = Shape.of_config(_read_json(config_file), where=str(config_file))
        tokenizer = Tokenizer.of_json(_read_json(words_file), where=str(words_file))
        try:
            loaded = load_file(weights_file)
        except (SafetensorError, OSError, KeyError, TypeError) as error:
            message = f"cannot be read as safetensors ({error})"
            raise FleetError(message, where=str(weights_file)) from error
        tensors = {name: tensor.astype(np.float32) for name, tensor in loaded.items()}
        shape.check(tensors, where=str(weights_file))
        if len(tokenizer.words) > shape.words:
            raise FleetError(
                f"{len(tokenizer.words)} words, but the model knows {shape.words}",
                where=str(words_file),
            )
        return cls(shape, tokenizer, tensors, model_digest(folder))


def model_digest(folder: Path | str) -> str:
    """Digest of all that a model's replies depend on: 16 bytes of BLAKE2b over its files.

    Raises:
        FleetError: a file cannot be read.
    """
    found = hashlib.blake2b(digest_size=16)
    for name in _FILES:
        path = Path(folder) / name
        try:
            found.update(hashlib.blake2b(path.read_bytes()).digest())
        except OSError as error:
            raise FleetError(f"cannot be read ({error.strerror})", where=str(path)) from error
    return found.hexdigest()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FleetError(f"cannot be read as JSON ({error})", where=str(path)) from error
    if not isinstance(value, dict):
        raise FleetError("is not a JSON object", where=str(path))
    return value
