"""Writes the embedded fleet as folders that vLLM and transformers load, with a fleet to serve them.

The folders are the package's own, as they are: Hugging Face's names and layout, weights in
safetensors, and a chat template that joins the messages as the NumPy engine does, so that a model
behind `/v1/chat/completions` reads the very tokens that it reads here.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from graphsearch.engines.embedded.checkpoint import builtin_folder
from graphsearch.engines.vllm.serve import Serve
from graphsearch.records.errors import FleetError
from graphsearch.records.models import Fleet

__all__ = ["FIRST_PORT", "save_fleet"]

FIRST_PORT: Final = 8101
_FILES: Final = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
_HEAD: Final = """\
# The embedded fleet for vLLM, written by `graphsearch fleet save`. Start it and stop it by
#   graphsearch fleet up {name}
#   graphsearch fleet down
# float32 is what the NumPy engine computes in; so small, compiling costs more than it saves.
"""


def save_fleet(
    folder: Path | str, models: Sequence[str] | None = None, *, first_port: int = FIRST_PORT
) -> Path:
    """Write models of the embedded fleet, one folder each, and `fleet.yaml`, which serves them.

    Files that are there already with the same content are left alone.

    Args:
        folder: where to; made if absent.
        models: names of the models, all when None; the unit model is always among them.
        first_port: of the first server; each has its own.

    Returns:
        The path of `fleet.yaml`.

    Raises:
        FleetError: the embedded fleet has no such model.
        OSError: the folder cannot be written.
    """
    from graphsearch.yamlfile import dump_yaml

    embedded = Fleet.load("embedded")
    wanted = set(embedded.names if models is None else models) | {embedded.unit_model}
    for name in wanted:
        embedded.model(name)
    if not 0 < first_port <= 65_535 - len(wanted):
        raise FleetError(f"first_port is {first_port}; ports go from 1 to 65535")
    chosen = [spec for spec in embedded.models if spec.name in wanted]
    out = Path(folder)
    served = []
    for port, spec in enumerate(chosen, first_port):
        (out / spec.name).mkdir(parents=True, exist_ok=True)
        for name in _FILES:
            _write(out / spec.name / name, (builtin_folder(spec.name) / name).read_bytes())
        serve = Serve(
            weights=f"./{spec.name}",
            max_model_len=spec.context,
            dtype="float32",
            args=("--enforce-eager",),
        )
        served.append(
            replace(
                spec,
                engine="http",
                endpoint=f"http://127.0.0.1:{port}/v1",
                options={"serve": serve.to_json()},
                source=f"./{spec.name}",
            )
        )
    fleet = Fleet("embedded-vllm", tuple(served), embedded.unit_model)
    path = out / "fleet.yaml"
    if path.exists() and not path.read_text(errors="replace").startswith(_HEAD.split("{")[0]):
        raise FleetError("is there already and was not written by this command", where=str(path))
    data: dict[str, Any] = fleet.to_json()
    data["models"] = [
        {key: value for key, value in model.items() if value not in (None, "")}
        for model in data["models"]
    ]
    _write(path, (_HEAD.format(name=path.name) + dump_yaml(data)).encode())
    return path


def _write(path: Path, data: bytes) -> None:
    if path.is_file() and path.read_bytes() == data:
        return  # a server that has it open, or that was started from it, sees no change
    beside = path.with_name(f".{path.name}.part")
    beside.write_bytes(data)
    beside.replace(path)
