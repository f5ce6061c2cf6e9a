"""Optuna's samplers over the same space, under the same rules.

Every choice of a sample is one categorical parameter: an edge is there or not, a model and a role
for each slot, one kind of sink. A parameter set is read as the graph that the space's own masked
draw gives when each choice is taken as told wherever the budget allows it; so no proposal is over
the budget, and no constraint is needed for it. Many parameter sets mean the same graph, and Optuna
proposes points again (optuna#2021), so duplicates are told their known score and asked anew.
"""

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphsearch.graph import CollaborationGraph
from graphsearch.records.calls import digest
from graphsearch.records.errors import ConfigError, StoreError
from graphsearch.records.trials import Proposal, TrialRecord
from graphsearch.searchers._random import rng_for
from graphsearch.searchers.options import read_options
from graphsearch.searchers.policy import Policy
from graphsearch.space import Space

if TYPE_CHECKING:
    import optuna

__all__ = ["SAMPLERS", "OptunaSearcher", "make"]

VERSION = 1
SAMPLERS = ("tpe", "nsga2", "random", "gp")
DUPLICATES = 20
RANDOM_TRIES = 60
SURE = 1000.0
JOURNAL = "optuna.journal"
STUDY = "graphsearch"


class OptunaSearcher:
    """Ask and tell around an Optuna study in memory.

    The sampler of each proposal is made anew with a seed from (seed, number of the trial), so a
    resumed search proposes what the first one would have (optuna#3255). It keeps a state, because
    asking again is slow: more than two minutes of CPU for 5,000 trials with TPE, where every ask
    looks at all trials before it (agent-reinforce, which keeps none, takes 6 s).

    With a `journal` every finished trial is also appended to an Optuna journal file, which
    `optuna-dashboard` opens and from which a resumed search reads its trials back; its state then
    only holds their number. Without one the state holds all trials, and grows with them.
    """

    name = "optuna"

    def __init__(
        self, space: Space, *, seed: int = 0, sampler: str = "tpe", journal: Path | None = None
    ) -> None:
        """Checks the sampler; the study is made when first needed.

        Raises:
            ConfigError: an unknown sampler, or one whose libraries are not installed.
        """
        where = "searcher.options.sampler"
        if sampler not in SAMPLERS:
            known = ", ".join(SAMPLERS)
            raise ConfigError(f"unknown sampler {sampler!r}; known: {known}", where=where)
        missing = [m for m in ("torch", "scipy") if importlib.util.find_spec(m) is None]
        if sampler == "gp" and missing:
            raise ConfigError(
                f"sampler 'gp' needs {' and '.join(missing)}: pip install 'graphsearch[gp]'",
                where=where,
            )
        self._coding = _Coding(space)
        self._seed = seed
        self._sampler = sampler
        self._study, self._storage = _new_study()
        self._known: dict[str, float] = {}
        label = digest([space.to_json(), seed, sampler])
        self._journal = _Journal(journal, label) if journal is not None else None

    def ask(self, k: int) -> Sequence[Proposal]:
        """Up to `k` graphs that were not proposed before."""
        proposals: list[Proposal] = []
        pending: set[str] = set()
        for _ in range(k):
            proposal = self._fresh(pending)
            if proposal is None:
                break
            pending.add(proposal.graph.key)
            proposals.append(proposal)
        return proposals

    def tell(self, trials: Sequence[TrialRecord]) -> None:
        """Tell the study; a trial without a score counts as failed."""
        from optuna.trial import TrialState

        for trial in trials:
            number, score = trial.proposal.info.get("optuna"), trial.mean
            if number is None:
                continue
            if score is None:
                self._study.tell(number, state=TrialState.FAIL)
            else:
                self._study.tell(number, score)
                self._known.setdefault(trial.proposal.graph.key, score)
        if self._journal is not None:
            self._journal.append(self._finished())

    def state(self) -> dict[str, Any]:
        """The finished trials, or their number where a journal holds them."""
        trials = self._finished()
        kept = len(trials) if self._journal else [self._coding.pack(t) for t in trials]
        notes = self._storage.get_study_system_attrs(_identity(self._storage))
        return {
            "searcher": self.name,
            "version": VERSION,
            "sampler": self._sampler,
            "trials": kept,
            # Samplers' own, of the whole study: NSGA-II keeps the parents it chose there.
            "notes": {name: value for name, value in notes.items() if ":parent:" in name},
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from a state.

        Raises:
            StoreError: of another searcher or sampler, or the journal holds fewer trials.
        """
        found = state.get("searcher"), state.get("version")
        if found != (self.name, VERSION):
            raise StoreError(
                f"state is of searcher {found[0]!r}, version {found[1]!r}; this release reads "
                f"{self.name!r}, version {VERSION}"
            )
        if state["sampler"] != self._sampler:
            raise StoreError(f"state is of sampler {state['sampler']!r}, not {self._sampler!r}")
        kept = state["trials"]
        if isinstance(kept, list):
            trials = [self._coding.unpack(packed) for packed in kept]
        elif self._journal is not None:
            trials = self._journal.read(kept)
        else:
            raise StoreError("the trials of this state are in an Optuna journal; give its path")
        self._study, self._storage = _new_study()
        self._study.add_trials(trials)
        for note, value in state["notes"].items():
            self._storage.set_study_system_attr(_identity(self._storage), note, value)
        self._known = {}
        for trial in trials:
            if trial.value is not None:
                self._known.setdefault(self._coding.graph(trial.params).key, trial.value)

    def _fresh(self, pending: set[str]) -> Proposal | None:
        """One new graph: from the sampler, or at random where it insists on known ones."""
        for _ in range(DUPLICATES):
            proposal = self._draw()
            if self._accept(proposal, pending):
                return proposal
        rng = rng_for(self._seed, len(self._study.get_trials(deepcopy=False)))
        for _ in range(RANDOM_TRIES):
            params = self._coding.random(rng)
            key = self._coding.graph(params).key
            if key not in self._known and key not in pending:
                self._study.enqueue_trial(params)
                return self._draw()
        return None

    def _draw(self) -> Proposal:
        from optuna import samplers

        number = len(self._study.get_trials(deepcopy=False))
        seed = int(np.random.SeedSequence([self._seed % 2**64, number]).generate_state(1)[0])
        match self._sampler:
            case "tpe":
                self._study.sampler = samplers.TPESampler(seed=seed)
            case "nsga2":
                self._study.sampler = samplers.NSGAIISampler(seed=seed, population_size=20)
            case "gp":
                self._study.sampler = samplers.GPSampler(seed=seed)
            case _:
                self._study.sampler = samplers.RandomSampler(seed=seed)
        trial = self._study.ask(self._coding.distributions)
        graph = self._coding.graph(trial.params)
        trial.set_user_attr("graph", graph.describe())
        return Proposal(graph, f"optuna-{self._sampler}", {"optuna": trial.number})

    def _accept(self, proposal: Proposal, pending: set[str]) -> bool:
        """Whether to propose it; else the study is told what is known of it."""
        from optuna.trial import TrialState

        key, number = proposal.graph.key, proposal.info["optuna"]
        if key in self._known:
            self._study.tell(number, self._known[key])
            return False
        if key in pending:
            self._study.tell(number, state=TrialState.FAIL)
            return False
        return True

    def _finished(self) -> list["optuna.trial.FrozenTrial"]:
        """Trials up to the first that is still out; after a `tell` these are all."""
        finished = []
        for trial in self._study.get_trials(deepcopy=False):
            if not trial.state.is_finished():
                break
            finished.append(trial)
        return finished


class _Coding:
    """Parameters of Optuna, and the graphs they mean."""

    def __init__(self, space: Space) -> None:
        from optuna.distributions import CategoricalDistribution

        self._policy = Policy(space)
        names = {position: name for name, position in self._policy.index.items()}
        self._edges = {f"edge {names[i]}": i for i in self._policy.edges.tolist()}
        slots = range(1, space.slots + 1)
        choices = {f"model {slot}": space.models for slot in slots}
        choices |= {f"role {slot}": space.roles for slot in slots}
        choices["sink"] = tuple(sink.name for sink in space.sinks)
        self._heads = tuple(zip(choices, self._policy.groups, strict=True))
        self.distributions: dict[str, Any] = {
            **{name: CategoricalDistribution((False, True)) for name in self._edges},
            **{name: CategoricalDistribution(values) for name, values in choices.items()},
        }

    def graph(self, params: Mapping[str, Any]) -> CollaborationGraph:
        """The graph of a parameter set: the mode of a distribution that is sure of each choice."""
        theta = np.full(len(self._policy), -SURE)
        for name, i in self._edges.items():
            if params[name]:
                theta[i] = SURE
        for head, group in self._heads:
            theta[group.start + self._position(head, params[head])] = SURE
        return self._policy.distribution(theta).mode().graph

    def random(self, rng: np.random.Generator) -> dict[str, Any]:
        """A uniform parameter set."""
        return {
            name: distribution.choices[int(rng.integers(len(distribution.choices)))]
            for name, distribution in self.distributions.items()
        }

    def pack(self, trial: "optuna.trial.FrozenTrial") -> list[Any]:
        """A finished trial as short JSON: choices, value, the sampler's own notes."""
        choices = [self._position(name, trial.params[name]) for name in self.distributions]
        packed: list[Any] = [choices, trial.value, dict(trial.system_attrs)]
        return packed

    def unpack(self, packed: Sequence[Any]) -> "optuna.trial.FrozenTrial":
        """What `pack` packed."""
        from optuna.trial import TrialState, create_trial

        choices, value, notes = packed
        pairs = zip(self.distributions.items(), choices, strict=True)
        return create_trial(
            params={name: distribution.choices[i] for (name, distribution), i in pairs},
            distributions=self.distributions,
            value=value,
            state=TrialState.FAIL if value is None else TrialState.COMPLETE,
            system_attrs=notes,
        )

    def _position(self, name: str, choice: Any) -> int:
        return int(self.distributions[name].choices.index(choice))


class _Journal:
    """The study's copy in an Optuna journal file."""

    def __init__(self, path: Path, label: str) -> None:
        self._path = path
        self._label = label
        self._opened: optuna.Study | None = None

    def append(self, trials: Sequence["optuna.trial.FrozenTrial"]) -> None:
        """Add those trials that the file does not have yet.

        After a kill the file may be ahead of the searcher's state; the trials that come again are
        the same ones.
        """
        study = self._open()
        there = len(study.get_trials(deepcopy=False))
        study.add_trials(trials[there:])

    def read(self, count: int) -> list["optuna.trial.FrozenTrial"]:
        """The first `count` trials."""
        trials: list[optuna.trial.FrozenTrial] = self._open().get_trials()
        if len(trials) < count:
            raise StoreError(f"{self._path.name} holds {len(trials)} trials, expected {count}")
        return trials[:count]

    def _open(self) -> "optuna.Study":
        if self._opened is None:
            import optuna
            from optuna.storages.journal import JournalFileBackend, JournalStorage

            storage = JournalStorage(JournalFileBackend(str(self._path)))
            with _quiet():
                study = optuna.create_study(
                    storage=storage, study_name=STUDY, direction="maximize", load_if_exists=True
                )
            found = study.user_attrs.get("search")
            if found is None:
                study.set_user_attr("search", self._label)
            elif found != self._label:
                raise StoreError(f"{self._path.name} belongs to another search")
            self._opened = study
        return self._opened


@contextmanager
def _quiet() -> Iterator[None]:
    """No word from Optuna on standard error about a study it made."""
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(level)


def _new_study() -> tuple["optuna.Study", "optuna.storages.BaseStorage"]:
    import optuna

    storage = optuna.storages.InMemoryStorage()
    with _quiet():
        study = optuna.create_study(direction="maximize", study_name=STUDY, storage=storage)
    return study, storage


def _identity(storage: "optuna.storages.BaseStorage") -> int:
    identity: int = storage.get_study_id_from_name(STUDY)
    return identity


def make(
    space: Space, *, seed: int, options: Mapping[str, Any], folder: Path | None = None
) -> OptunaSearcher:
    """From options: `sampler` (`tpe`, `nsga2`, `random`, `gp`) and `journal`.

    `journal` is the path of the journal file; without it, `optuna.journal` in the run folder.
    """
    chosen = read_options("searcher optuna", options, sampler="tpe", journal="")
    journal = Path(chosen["journal"]) if chosen["journal"] else None
    if journal is None and folder is not None:
        journal = folder / JOURNAL
    return OptunaSearcher(space, seed=seed, sampler=chosen["sampler"], journal=journal)
