"""The memory there is to plan with: of GPUs, or of the machine where vLLM runs on its cores."""

import os
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from graphsearch.cores import usable_cores
from graphsearch.records.errors import FleetError

__all__ = ["Device", "Machine", "find_machine"]

GiB: Final = 2**30
MiB: Final = 2**20


@dataclass(frozen=True, slots=True)
class Device:
    """Memory that servers share.

    Attributes:
        index: number of the GPU, as `CUDA_VISIBLE_DEVICES` counts; -1 for the machine's own memory.
        name: what it is.
        total: bytes. What is free is vLLM's to see: a plan shall be the same today and tomorrow.
    """

    index: int
    name: str
    total: int


@dataclass(frozen=True, slots=True)
class Machine:
    """Where servers run.

    Attributes:
        kind: `gpu`, or `cpu` where vLLM runs on cores.
        devices: GPUs, or the machine's memory as one.
        cores: cores we may use.
    """

    kind: Literal["cpu", "gpu"]
    devices: tuple[Device, ...]
    cores: int


def find_machine(kind: str = "auto") -> Machine:
    """What is here.

    Args:
        kind: `gpu`, `cpu`, or `auto`: GPUs if `nvidia-smi` shows some.

    Raises:
        FleetError: there is none of that kind, or no such kind.
    """
    if kind not in {"auto", "cpu", "gpu"}:
        raise FleetError(f"{kind!r} is no kind of device; auto, cpu and gpu are")
    cores = usable_cores()
    command = None if kind == "cpu" else shutil.which("nvidia-smi")
    rows: list[list[str]] = []
    if command is not None:
        query = ["--query-gpu=index,name,memory.total", "--format=csv,noheader,nounits"]
        done = subprocess.run(
            [command, *query], capture_output=True, text=True, timeout=60, check=False
        )
        lines = done.stdout.splitlines() if done.returncode == 0 else []
        rows = [line.split(", ") for line in lines]
    devices = tuple(
        Device(int(row[0]), row[1], int(row[2]) * MiB)
        for row in rows
        if len(row) == 3 and row[2].isdigit()
    )
    if devices:
        return Machine("gpu", devices, cores or 1)
    if kind == "gpu":
        raise FleetError("there is no GPU that nvidia-smi shows")
    # The machine's memory, or what a container may use of it.
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError):
            word = Path(path).read_text(encoding="ascii").strip()
            total = min(total, int(word)) if word.isdigit() else total
            break
    return Machine("cpu", (Device(-1, "memory", total),), cores or 1)
