"""Starts the servers of a fleet, says how they are, and stops what it started.

    with Servers("my-fleet.yaml"):      # or: graphsearch fleet up, status, down
        graphsearch.optimize(fleet="my-fleet.yaml", ...)

One is started after the other, since what fits is planned from what others leave. A record of each
is on disk before its process is (`state`), and a keeper stands between us and it (`_keeper`).
"""

import socket
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from graphsearch.engines.vllm.machine import Machine, find_machine
from graphsearch.engines.vllm.plan import ServerPlan, plan_servers
from graphsearch.engines.vllm.probe import ask
from graphsearch.engines.vllm.processes import holder_of
from graphsearch.engines.vllm.serve import serve_of
from graphsearch.engines.vllm.server import (
    keepers_of,
    server_failed,
    spawn,
    stop,
    wait_until_up,
)
from graphsearch.engines.vllm.state import Record, State
from graphsearch.records.errors import FleetError
from graphsearch.records.models import Fleet

__all__ = ["ServerStatus", "Servers", "list_servers", "start_servers", "stop_servers"]

Phase = Literal["up", "asleep", "starting", "stuck", "gone"]
Say = Callable[[str], None]

TIMEOUT_S = 900.0
"""Seconds a server has to come up: the largest weights are read from a disk for minutes."""


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """How a server is.

    Attributes:
        model: its model.
        url: what an engine calls it by.
        phase: `up`; `asleep`; `starting`: it runs and does not answer yet; `stuck`: it was up, runs
            and does not answer; `gone`: it ended without being asked to.
        pid: of its keeper, None when it is gone.
        fleet: its fleet.
        log: where it writes.
        started_now: whether it was started by this very call.
    """

    model: str
    url: str
    phase: Phase
    pid: int | None
    fleet: str
    log: Path
    started_now: bool = False

    def to_json(self) -> dict[str, Any]:
        """All fields by name."""
        return {**asdict(self), "log": str(self.log)}


class Servers:
    """The servers of a fleet for the length of a `with`: they end with it, and with this process.

    Servers that were up already, with the same settings, are used and left as they are.

    Args:
        fleet: a fleet, the name of one, or a path to one.
        models: names of the models to serve; all that have a block `serve` when None.
        machine: where they run; looked at when None.
        state: where they are recorded, for `graphsearch fleet status`.
        timeout_s: seconds each has to come up.
        say: is told, in a sentence, what is going on.
    """

    def __init__(
        self,
        fleet: Fleet | str | Path,
        models: Sequence[str] | None = None,
        *,
        machine: Machine | None = None,
        state: State | None = None,
        timeout_s: float = TIMEOUT_S,
        say: Say | None = None,
    ) -> None:
        self._fleet = fleet if isinstance(fleet, Fleet) else Fleet.load(fleet)
        self._models = models
        self._machine = machine
        self._state = state or State()
        self._timeout_s = timeout_s
        self._say = say
        self._started: tuple[ServerStatus, ...] = ()

    def __enter__(self) -> Self:
        self._started = start_servers(
            self._fleet,
            self._models,
            machine=self._machine,
            state=self._state,
            timeout_s=self._timeout_s,
            attached=True,
            say=self._say,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End what was started here. May be called twice."""
        mine = {(one.url, one.pid) for one in self._started if one.started_now}
        self._started = ()
        records = [r for r in self._state.records() if r.keeper is not None]
        stop(self._state, [r for r in records if (_url(r), r.keeper and r.keeper.pid) in mine])

    @property
    def status(self) -> tuple[ServerStatus, ...]:
        """How the servers of this fleet are."""
        return list_servers(self._fleet, state=self._state)


def start_servers(
    fleet: Fleet,
    models: Sequence[str] | None = None,
    *,
    machine: Machine | None = None,
    state: State | None = None,
    timeout_s: float = TIMEOUT_S,
    attached: bool = False,
    say: Say | None = None,
) -> tuple[ServerStatus, ...]:
    """Start the servers of a fleet that are not up, one after the other.

    When one fails, or this is interrupted, those that it started are ended again.

    Args:
        fleet: the fleet.
        models: names of the models to serve; all that have a block `serve` when None.
        machine: where they run; looked at when None.
        state: where they are recorded.
        timeout_s: seconds each has to come up.
        attached: whether they end when this process does, even by SIGKILL.
        say: is told, in a sentence, what is going on.

    Returns:
        All servers of the fleet, in its order.

    Raises:
        FleetError: the fleet cannot be served so, or a port is taken.
        ServerFailed: a server did not come up.
    """
    state, say = state or State(), say or (lambda sentence: None)
    plans = plan_servers(fleet, machine or find_machine(), models=models)
    for plan in plans:
        if plan.missing:
            raise FleetError(plan.missing, where=f"model {plan.model}")
    new: set[int] = set()
    with state.starting():
        there = _already_there(plans, state)
        try:
            for plan in plans:
                record = there.get(plan.port)
                if record is None:
                    new.add(plan.port)
                    say(f"starting {plan.model} at {_url(plan)}")
                    record = spawn(plan, state, fleet=fleet.name, attached=attached)
                wait_until_up(record, plan, timeout_s=timeout_s)
                if not record.ready:
                    state.put(record.model_copy(update={"ready": True}))
                if plan.sleeps:  # so that the next one fits
                    path = "/sleep?level=1"
                    answer = ask(plan.host, plan.port, path, method="POST", timeout_s=timeout_s)
                    if answer is None or answer.status != 200:
                        raise server_failed(record, "cannot be put to sleep")
                say(f"{plan.model} is {'asleep' if plan.sleeps else 'up'}")
        except BaseException:
            stop(state, [record for record in state.records() if record.port in new])
            raise
    by_port = {record.port: record for record in state.records()}
    return tuple(_status(by_port[plan.port], new=plan.port in new) for plan in plans)


def list_servers(
    fleet: Fleet | None = None, *, state: State | None = None
) -> tuple[ServerStatus, ...]:
    """How servers are that were started here, by port.

    Args:
        fleet: its servers alone; those of all fleets when None.
        state: where they are recorded.
    """
    return tuple(_status(record) for record in _of((state or State()).records(), fleet))


def stop_servers(
    fleet: Fleet | None = None, *, state: State | None = None
) -> tuple[ServerStatus, ...]:
    """End servers that were started here, whoever started them, and no other process.

    Args:
        fleet: its servers alone; those of all fleets when None.
        state: where they are recorded.

    Returns:
        Those that were ended, as they were before.
    """
    state = state or State()
    records = _of(state.records(), fleet)
    before = tuple(_status(record) for record in records)
    stop(state, records)
    return before


def _of(records: Sequence[Record], fleet: Fleet | None) -> list[Record]:
    """Records at the ports of a fleet."""
    if fleet is None:
        return list(records)
    endpoints = [spec.endpoint for spec in fleet.models if serve_of(spec) is not None]
    ports = {urlsplit(endpoint).port for endpoint in endpoints if endpoint is not None}
    return [record for record in records if record.port in ports]


def _already_there(plans: Sequence[ServerPlan], state: State) -> dict[int, Record]:
    """Those that run with the same settings, by port; what is left of dead ones is cleared away.

    Raises:
        FleetError: a port is taken by anything else.
    """
    by_port = {record.port: record for record in state.records()}
    found: dict[int, Record] = {}
    for plan in plans:
        record = by_port.get(plan.port)
        if record is not None and record.alive:
            if record.digest != plan.digest:
                raise FleetError(
                    f"port {plan.port} has model {record.model} of fleet {record.fleet}, started "
                    "with other settings; end it with 'graphsearch fleet down'",
                    where=f"model {plan.model}",
                )
            found[plan.port] = record
            continue
        if record is not None:
            stop(state, [record])
        try:
            socket.create_connection((plan.host, plan.port), timeout=5.0).close()
        except OSError:
            continue
        answer = ask(plan.host, plan.port, "/v1/models", timeout_s=0.5)
        serves = f" and serves {', '.join(answer.models)}" if answer and answer.models else ""
        holder = holder_of(plan.port) or "another process"
        raise FleetError(
            f"port {plan.port} is taken: {holder} listens there{serves}, and was not started "
            "here; end it, or give the model another port",
            where=f"model {plan.model}: endpoint",
        )
    return found


def _status(record: Record, *, new: bool = False) -> ServerStatus:
    keepers = keepers_of(record)
    phase: Phase = "gone"
    if keepers:
        health = ask(record.host, record.port, "/health")
        up = health is not None and health.status == 200
        asleep = ask(record.host, record.port, "/is_sleeping") if up and record.sleeps else None
        if not up:
            phase = "stuck" if record.ready else "starting"
        elif (
            asleep is not None and isinstance(asleep.body, dict) and asleep.body.get("is_sleeping")
        ):
            phase = "asleep"
        else:
            phase = "up"
    return ServerStatus(
        model=record.model,
        url=_url(record),
        phase=phase,
        pid=keepers[0].pid if keepers else None,
        fleet=record.fleet,
        log=record.log,
        started_now=new,
    )


def _url(place: Record | ServerPlan) -> str:
    host = f"[{place.host}]" if ":" in place.host else place.host
    return f"http://{host}:{place.port}/v1"
