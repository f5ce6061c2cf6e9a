"""How much memory each server of a fleet gets.

    least  = weights + keys and values of one reply of full length + overhead
    wanted = weights + those of as many replies as may be written at once + overhead
    keys and values of a token = 2 x layers x kv_width x bytes of an element

Every server gets its least and the same share of what it wants beyond that. Servers that sleep by
turns need room only beside those of their own group and those that never sleep. The overhead
cannot be computed; the constants below are estimates for GPUs and measured for cores.
"""

import json
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from graphsearch.engines.vllm.machine import Device, GiB, Machine
from graphsearch.engines.vllm.serve import Serve
from graphsearch.records.errors import FleetError
from graphsearch.records.models import ModelSpec

__all__ = ["Need", "Share", "need_of", "share_out"]

USABLE: Final = 0.92  # of a GPU's memory; the rest is the driver's, and what no plan foresees
USABLE_MEMORY: Final = 0.9  # of the machine's own
GPU_OVERHEAD: Final = 2 * GiB  # context of CUDA, activations, graphs
CPU_OVERHEAD: Final = 2 * GiB  # three processes with PyTorch: 1.9 GiB were seen
ASLEEP: Final = GiB  # what a sleeping server keeps of its GPU
STREAMS: Final = 64  # replies at once to have room for where the fleet does not say
CONTEXT: Final = 8192  # tokens to have room for where nobody says


@dataclass(frozen=True, slots=True)
class Need:
    """What a server needs, in bytes.

    Attributes:
        model: its model.
        weights: of the weights, as they are computed with.
        kv_token: of keys and values of one token.
        context: most tokens of one reply with its prompt.
        streams: replies to have room for.
        overhead: what is needed beside.
        group: who is awake with it; None for a server that never sleeps.
        devices: GPUs it must be on; empty when it may be put anywhere.
        fixed: share of each of its GPUs that the fleet fixes, None when it does not.
    """

    model: str
    weights: int
    kv_token: int
    context: int
    streams: int
    overhead: int
    group: str | None = None
    devices: tuple[int, ...] = ()
    fixed: float | None = None

    @property
    def least(self) -> int:
        """With one reply at a time."""
        return self.weights + self.kv_token * self.context + self.overhead

    @property
    def more(self) -> int:
        """Bytes it wants beyond the least."""
        return self.kv_token * self.context * (self.streams - 1)


@dataclass(frozen=True, slots=True)
class Share:
    """What a server gets.

    Attributes:
        devices: its GPUs; empty on cores.
        memory: bytes in all.
        fraction: of the memory of each of its GPUs, for `--gpu-memory-utilization`.
        kv_gib: whole GiB for keys and values, for `VLLM_CPU_KVCACHE_SPACE`.
    """

    devices: tuple[int, ...]
    memory: int
    fraction: float | None = None
    kv_gib: int | None = None


def need_of(spec: ModelSpec, serve: Serve, *, sleeps: bool, gpu: bool) -> Need:
    """What one model needs.

    Raises:
        FleetError: its size is unknown, and the fleet fixes no share either.
    """
    where = f"model {spec.name}"
    folder = serve.folder
    config: dict[str, Any] = {}
    stored = 0
    if folder is not None:
        # Whether what a local folder says of its model is right is vLLM's to say.
        with suppress(OSError, ValueError):
            data = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            config = data if isinstance(data, dict) else {}
        stored = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    wide = 4 if serve.dtype in {"float32", "float"} else 2
    weights = stored or spec.weight_bytes
    if weights is None and serve.gpu_memory is None:
        raise FleetError(
            "its memory cannot be planned without its number of parameters; tell it, or fix "
            "serve.gpu_memory",
            where=where,
        )
    if weights is not None and wide == 4:
        weights = weights * 32 // spec.bits
    layers = config.get("num_hidden_layers") or spec.layers
    heads, size = config.get("num_key_value_heads"), config.get("head_dim")
    width = serve.kv_width or (heads * size if heads and size else spec.width)
    keys = 0  # elements of the keys of one token, over all layers
    if spec.attention != "linear":
        if (layers is None or width is None) and serve.gpu_memory is None:
            raise FleetError(
                "its memory cannot be planned without its layers and width; tell them, or fix "
                "serve.gpu_memory",
                where=where,
            )
        keys = int((layers or 0) * (width or 0))
    context = serve.max_model_len or spec.context or config.get("max_position_embeddings")
    return Need(
        model=spec.name,
        weights=weights or 0,
        kv_token=2 * wide * keys,
        context=int(context or CONTEXT),
        streams=serve.max_num_seqs or STREAMS,
        overhead=GPU_OVERHEAD if gpu else CPU_OVERHEAD,
        group=(serve.group or f"model {spec.name}") if sleeps else None,
        devices=serve.devices,
        fixed=serve.gpu_memory,
    )


def share_out(needs: Sequence[Need], machine: Machine) -> dict[str, Share]:
    """Share the memory out.

    Returns:
        A share for each model.

    Raises:
        FleetError: they do not fit, with the numbers; or a GPU is named that is not there.
    """
    if machine.kind == "cpu":
        return _on_cores(needs, machine)
    total = {device.index: device.total for device in machine.devices}
    placed = _placed(needs, machine)
    part = {need.model: len(placed[need.model]) for need in needs}
    fill = 1.0
    for device in machine.devices:
        here = [need for need in needs if device.index in placed[need.model]]
        always = [need for need in here if need.group is None]
        turns = dict.fromkeys(need.group for need in here if need.group is not None)
        # The sets of servers that are awake at one time.
        awake = [always + [need for need in here if need.group == turn] for turn in turns]
        for group in awake or [always]:
            rows = [
                (
                    need.model,
                    need.least / part[need.model]
                    if need.fixed is None
                    else need.fixed * device.total,
                )
                for need in group
            ]
            rows += [(f"{need.model} (asleep)", ASLEEP) for need in here if need not in group]
            room = USABLE * device.total - sum(size for _, size in rows)
            if room < 0:
                advice = (
                    "shorten serve.max_model_len, quantise, spread them over GPUs, or run fewer of "
                    "them"
                )
                if len(group) > 1 and group == always:
                    advice = (
                        "let them sleep by turns (engine: vllm-sleep), run fewer of them, or "
                        "shorten serve.max_model_len"
                    )
                raise FleetError(_too_much(rows, USABLE * device.total, device, advice))
            more = sum(need.more / part[need.model] for need in group if need.fixed is None)
            fill = min(fill, room / more) if more else fill
    shares = {}
    for need in needs:
        devices = placed[need.model]
        smallest = min(total[index] for index in devices)
        if need.fixed is not None:
            memory, fraction = int(need.fixed * smallest * len(devices)), need.fixed
        else:
            memory = need.least + int(fill * need.more)
            # Rounded up: a server that gets a byte too few does not start.
            fraction = math.ceil(1000 * memory / len(devices) / smallest) / 1000
        shares[need.model] = Share(devices, memory, fraction=fraction)
    return shares


def _on_cores(needs: Sequence[Need], machine: Machine) -> dict[str, Share]:
    """Everything stays awake: there is no GPU to sleep for."""
    device = machine.devices[0]
    room = USABLE_MEMORY * device.total
    given = {need.model: max(1, _gib(need.kv_token * need.context)) for need in needs}
    rest = {need.model: need.weights + need.overhead for need in needs}
    if sum(rest.values()) + GiB * sum(given.values()) > room:
        rows = [(need.model, rest[need.model] + GiB * given[need.model]) for need in needs]
        raise FleetError(
            _too_much(rows, room, device, "run fewer of them, or some on another machine")
        )
    for need in needs:  # whole GiB alone can be given: one server after another
        wanted = max(1, _gib(need.kv_token * need.context * need.streams))
        left = int((room - sum(rest.values()) - GiB * sum(given.values())) // GiB)
        given[need.model] += max(0, min(wanted - given[need.model], left))
    return {name: Share((), rest[name] + GiB * gib, kv_gib=gib) for name, gib in given.items()}


def _placed(needs: Sequence[Need], machine: Machine) -> dict[str, tuple[int, ...]]:
    """The GPUs of each: those it names; else the one that is least full, large models first."""
    free = {device.index: float(device.total) for device in machine.devices}
    placed: dict[str, tuple[int, ...]] = {}
    for need in sorted(needs, key=lambda need: (not need.devices, -need.least)):
        for index in need.devices:
            if index not in free:
                there = ", ".join(map(str, free))
                raise FleetError(
                    f"there is no GPU {index}; there is {there}",
                    where=f"model {need.model}: serve.devices",
                )
        # Those of one group shall be together; for that the order of models is good enough.
        chosen = need.devices or (max(free, key=lambda index: free[index]),)
        placed[need.model] = chosen
        if need.group is None:
            for index in chosen:
                free[index] -= need.least / len(chosen)
    return placed


def _too_much(rows: Sequence[tuple[str, float]], room: float, device: Device, advice: str) -> str:
    where = "the memory" if device.index < 0 else f"GPU {device.index} ({device.name})"
    each = ", ".join(f"{model} {size / GiB:.1f}" for model, size in rows)
    needed = sum(size for _, size in rows)
    return (
        f"{where} has {room / GiB:.1f} GiB for servers, and these need at least "
        f"{needed / GiB:.1f}: {each}; {advice}"
    )


def _gib(size: int) -> int:
    return math.ceil(size / GiB)
