"""What is going on in a search, as the terminal shows it.

`Scene` takes in events and knows how things stand; `show_progress` redraws it in place on a
terminal, and writes a line now and then anywhere else. Both go to standard error, so that standard
output holds the result alone.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import typer

from graphsearch.cli._output import amount, interval, percent, seconds
from graphsearch.records.events import (
    AdviceGiven,
    BaselineDone,
    Best,
    BlockDone,
    BudgetState,
    EndpointChanged,
    Event,
    Finalists,
    Listener,
    NotEvaluated,
    RoundDone,
    RoundStarted,
    SearchStopped,
    StudyStarted,
    TrialDone,
    WinnerFound,
)
from graphsearch.words import counted

__all__ = ["Scene", "show_progress"]

_BAR = 24
_LONG_PAUSE = 5.0
_LONG_TROUBLE = 10.0
_TOLD_LOSSES = 5
"""Questions without a verdict that a line is written for; the result names all."""
_SILENCE = 60.0
"""Seconds: pauses and troubles of an endpoint that are told of, and how often anything is told."""
_PHASES = {
    "search": "search",
    "selection": "finalists on fresh items",
    "test": "winner on the held-out test",
    "baseline": "baselines on the same test",
}


@dataclass(slots=True)
class Scene:
    """How a search stands, from the events so far.

    Attributes:
        graph_budget: the most a graph may spend on one question, as text.
        rounds: most rounds, None for no limit.
        clock: seconds, for the time that is left.
        title, trying, advice, best, budgets: what is shown.
        meter: tells what is spent now; without it the last event has the word.
        endpoints: those that get fewer calls than they could, by name.
        lost: the latest question without a verdict.
        round: the round under way, from 1; `done` rounds are over.
        searching: False once finalists are chosen.
        told: when a line was last written, where lines are written.
    """

    graph_budget: str
    rounds: int | None
    clock: Callable[[], float] = time.monotonic
    title: str = ""
    trying: str = "reading task and models"
    advice: str = ""
    round: int = 0
    done: int = 0
    searching: bool = True
    best: Best | None = None
    budgets: tuple[BudgetState, ...] = ()
    meter: Callable[[], tuple[BudgetState, ...]] | None = None
    endpoints: dict[str, EndpointChanged] = field(default_factory=dict)
    lost: NotEvaluated | None = None
    told: float = 0.0
    _lost: set[str] = field(default_factory=set)
    _causes: dict[str, int] = field(default_factory=dict)
    _limited: dict[str, float] = field(default_factory=dict)
    _told_of: dict[str, float] = field(default_factory=dict)
    _began: float = 0.0
    _first: dict[str, float] = field(default_factory=dict)
    _first_round: int = 0

    def take(self, event: Event) -> None:
        """Take in an event."""
        self.best = event.best or self.best
        self.budgets = event.budgets or self.budgets
        match event:
            case StudyStarted():
                self._began = self.clock()
                self._first = {b.currency: b.spent for b in event.budgets}
                self._first_round = event.rounds_done
                again = f", goes on after round {event.rounds_done}" if event.resumed else ""
                self.title = f"{event.task} with {event.searcher}, seed {event.seed}{again}"
            case RoundStarted():
                self.round = event.round + 1
                known = f" and the best {event.incumbents} so far" if event.incumbents else ""
                new, items = counted(event.proposals, "new graph"), counted(event.items, "item")
                self.trying = f"{new}{known}, {items}"
            case BlockDone():
                phase = _PHASES.get(event.phase, event.phase)
                done, alive = counted(event.items, "item"), counted(event.alive, "graph")
                gone = f", {event.stopped} stopped early" if event.stopped else ""
                self.trying = f"{phase}: block of {done} done, {alive} in{gone}"
            case TrialDone():
                self.trying = f"{event.text}: {percent(event.accuracy)} of {event.n}"
            case RoundDone():
                self.done = event.round + 1
            case EndpointChanged():
                self.endpoints.pop(event.endpoint, None)
                if event.why:
                    self.endpoints[event.endpoint] = event
            case NotEvaluated():
                self.lost = event
                self._lost.add(event.item)
                self._causes[event.error] = self._causes.get(event.error, 0) + 1
            case AdviceGiven():
                self.advice = event.summary if event.valid else "(no valid advice)"
            case SearchStopped():
                self.searching = False
                self.trying = f"search ended: {event.reason}"
            case Finalists():
                best = len(event.graphs) - event.plain
                plain = f" and {counted(event.plain, 'baseline')}" if event.plain else ""
                self.trying = (
                    f"{counted(best, 'finalist')}{plain} on {counted(event.items, 'item')}"
                )
            case BaselineDone():
                self.trying = f"{event.name}: {percent(event.accuracy)} of {event.n}"
            case _:
                pass

    def is_news(self, event: EndpointChanged) -> bool:
        """Whether a line should tell how an endpoint stands: long pauses and troubles, and ends.

        Cuts come by the second while a server is busy; what lasts is told once a minute.
        """
        name, now = event.endpoint, self.clock()
        if not event.why:
            self._limited.pop(name, None)
            return self._told_of.pop(name, None) is not None
        since = self._limited.setdefault(name, now)
        lasts = event.paused_s >= _LONG_PAUSE or now - since >= _LONG_TROUBLE
        known = name in self._told_of and now - self._told_of[name] < _SILENCE
        if not event.is_down and (known or not lasts):
            return False
        self._told_of[name] = now
        return True

    def tells_loss(self) -> bool:
        """Whether a line should tell of the latest question without a verdict.

        The first few are told, and those alone that a server refuses one by one: what has the
        same cause for all (an endpoint that is dead) is told once.
        """
        assert self.lost is not None
        is_new = self._causes[self.lost.error] == 1
        return len(self._lost) <= _TOLD_LOSSES and (is_new or self.lost.outcome == "rejected")

    def lost_line(self) -> str:
        """The latest question without a verdict, on one line, and how many there are."""
        assert self.lost is not None
        by = "" if self.lost.model is None else f" by {self.lost.model}"
        count = f" ({len(self._lost)} questions so far)" if len(self._lost) > 1 else ""
        return f"{self.lost.item!r} ({self.lost.question}){by}: {self.lost.error}{count}"

    def left(self) -> float | None:
        """Seconds the search may still take at its pace so far; None while there is none."""
        gone = self.clock() - self._began
        if not self.searching or gone <= 0:
            return None
        guesses = [
            gone * state.left / (state.spent - self._first.get(state.currency, 0.0))
            for state in self.budgets
            if state.spent > self._first.get(state.currency, 0.0)
        ]
        done = self.done - self._first_round
        if self.rounds is not None and done > 0:
            guesses.append(gone * max(self.rounds - self.done, 0) / done)
        return min(guesses, default=None)

    def rows(self) -> list[tuple[str, str]]:
        """Label and text of each line of the view."""
        self.budgets = self.budgets if self.meter is None else self.meter()
        of = "" if self.rounds is None else f" of {self.rounds}"
        rows = [("", self.title), ("round", f"{self.round}{of}"), ("trying", self.trying)]
        rows.append(("best", "-" if self.best is None else best_line(self.best)))
        for state in self.budgets:
            share = min(state.spent / state.allowed, 1.0) if state.allowed else 1.0
            bar = "█" * round(share * _BAR) + "░" * (_BAR - round(share * _BAR))
            spent, allowed = amount(state.spent), amount(state.allowed)
            rows.append(("spent", f"{bar} {spent} of {allowed} {state.currency}"))
        rows.append(("a graph", f"at most {self.graph_budget} a question"))
        if self.advice:
            rows.append(("advice", self.advice))
        if self.lost is not None:
            rows.append(("not evaluated", self.lost_line()))
        rows += [("limited", endpoint_line(event)) for event in self.endpoints.values()]
        gone, left = self.clock() - self._began, self.left()
        ahead = "" if left is None else f", search ends in about {seconds(left)}"
        return [*rows, ("time", f"{seconds(gone)}{ahead}" if self._began else "-")]

    def line_for(self, event: Event) -> str | None:
        """Take an event; a line for those that say most, None for the others."""
        self.take(event)
        match event:
            case StudyStarted():
                line = "\n".join([self.title, *(f"warning: {said}" for said in event.warnings)])
            case RoundDone():
                spent = ", ".join(
                    f"{amount(b.spent)} of {amount(b.allowed)} {b.currency}" for b in event.budgets
                )
                best = "nothing yet" if self.best is None else best_line(self.best)
                line = f"round {event.round + 1}: best {best}; spent {spent}"
            case SearchStopped() | Finalists():
                line = self.trying
            case EndpointChanged() if self.is_news(event):
                line = endpoint_line(event)
            case NotEvaluated() if self.tells_loss():
                line = f"not evaluated: question {self.lost_line()}"
            case WinnerFound():
                line = f"winner: {event.text}"
            case BaselineDone():
                measured = f"{percent(event.accuracy)} {interval(*event.interval)} n {event.n}"
                oracle = " (oracle)" if event.baseline == "best_of_n" else ""
                line = f"baseline: {measured}  {event.name}{oracle}"
            case BlockDone() | TrialDone() if self.clock() - self.told >= _SILENCE:
                line = self.trying
            case _:
                return None
        self.told = self.clock()
        return line


def best_line(best: Best) -> str:
    """The best graph so far, on one line."""
    measured = f"{percent(best.accuracy)} {interval(*best.interval)} n {best.n}"
    return f"{measured}  {best.text}  ({amount(best.expected_cost)})"


def endpoint_line(event: EndpointChanged) -> str:
    """How an endpoint stands, on one line."""
    if event.is_down:
        return f"{event.endpoint} counts as dead: {event.why}"
    if not event.why:
        return f"{event.endpoint} is well again"
    pause = f" after {seconds(event.paused_s)}" if event.paused_s else ""
    return f"{counted(event.limit, 'call')} at a time{pause} to {event.endpoint}: {event.why}"


@contextmanager
def show_progress(scene: Scene, *, live: bool | None = None) -> Iterator[Listener]:
    """Show a search while it runs; yields the listener that wants its events.

    Args:
        scene: takes the events in.
        live: redraw in place; None: when standard error is a terminal.
    """
    if not (sys.stderr.isatty() if live is None else live):

        def write(event: Event) -> None:
            line = scene.line_for(event)
            if line is not None:
                typer.echo(line, err=True)

        yield write
        return
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

    def draw() -> Table:
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(overflow="ellipsis", no_wrap=True)
        for label, text in scene.rows():
            grid.add_row(label, text)
        return grid

    def show(event: Event) -> None:
        scene.take(event)
        for said in event.warnings if isinstance(event, StudyStarted) else ():
            console.print(f"warning: {said}")  # above the lines that are redrawn, to stay

    console = Console(stderr=True, highlight=False, markup=False)
    with Live(console=console, get_renderable=draw, refresh_per_second=4, transient=True):
        yield show
