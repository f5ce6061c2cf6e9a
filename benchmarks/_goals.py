"""What is promised, beside what was measured.

One table of all promises; each names where its figure stands in the results of the parts. A figure
that was not measured is neither reached nor missed.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["GOALS", "Goal", "judge"]

_HOLDS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
}


@dataclass(frozen=True, slots=True)
class Goal:
    """One promise.

    Attributes:
        says: what is promised, with its conditions.
        at: keys that lead to the figure, the name of the part first.
        sign: how the figure must compare to the limit.
        limit: in the unit that `says` names.
    """

    says: str
    at: tuple[str, ...]
    sign: str
    limit: float

    def judged(self, results: Mapping[str, Any]) -> dict[str, Any]:
        """The goal as JSON: what was measured, and whether it is reached (None: not measured)."""
        found: Any = results
        for key in self.at:
            found = found.get(key) if isinstance(found, Mapping) else None
        reached = None if found is None else _HOLDS[self.sign](found, self.limit)
        return {
            "goal": self.says,
            "limit": f"{self.sign} {self.limit:g}",
            "measured": found,
            "reached": reached,
            "at": "/".join(self.at),
        }


def judge(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All goals of the parts that ran."""
    return [goal.judged(results) for goal in GOALS if goal.at[0] in results]


def _install() -> list[Goal]:
    at = ("demo", "install")
    return [
        Goal("make demo, fresh clone, empty pip cache: seconds", (*at, "seconds"), "<", 120),
        Goal("its virtual environment: MB", (*at, "venv_mb"), "<", 300),
        Goal("torch or litellm in it: packages", (*at, "heavy_packages"), "==", 0),
    ]


def _demo() -> list[Goal]:
    what = "sealed test of the demo, all seeds: least lower end (95 %) of winner less best"
    return [
        Goal(f"{what} single model", ("demo", "least_above_single"), ">", 0),
        Goal(f"{what} self-consistency", ("demo", "least_above_self_consistency"), ">", 0),
        Goal("calls asked for each one made, search account", ("demo", "least_sharing"), ">=", 5),
    ]


def _searchers() -> list[Goal]:
    says = "ask + tell + durable write at 5,000 trials: ms CPU"
    names = ("random", "reinforce", "agent-reinforce")
    return [Goal(f"{says}, {name}", ("searchers", name, "cpu_ms"), "<", 2) for name in names]


def _engine() -> list[Goal]:
    says = "embedded engine to PyTorch, same weights and cores, batch 64"
    return [
        Goal("embedded engine, nano, batch 256: tokens/s", ("engine", "nano_256"), ">=", 20_000),
        *(
            Goal(f"{says}: {size}", ("engine", "sizes", size, "to_torch_wall"), ">=", 0.5)
            for size in ("nano", "xs", "s", "m")
        ),
    ]


def _replays() -> list[Goal]:
    says = "search on recorded GSM8K, five seeds and splits: "
    at = ("replays", "gsm8k")
    return [
        Goal(
            f"{says}exhaustive best less winner on sealed questions, mean, points",
            (*at, "gap_mean"),
            "<=",
            0.3,
        ),
        Goal(f"{says}seconds of the slowest", (*at, "slowest_seconds"), "<", 60),
    ]


def _http() -> list[Goal]:
    says = "executor over http, 64 streams, 20 ms"
    return [
        Goal(f"{says}: ms CPU a call", ("http", "executor", "cpu_ms_per_call"), "<", 0.35),
        Goal(f"{says}: rate to plain aiohttp", ("http", "executor", "rate_to_aiohttp"), ">=", 0.95),
        Goal(f"{says}: CPU to the openai client", ("http", "executor", "cpu_to_openai"), "<=", 0.2),
        Goal(f"{says}: CPU to LiteLLM", ("http", "executor", "cpu_to_litellm"), "<=", 0.1),
    ]


def _vllm() -> list[Goal]:
    says = "executor on vLLM, 64 streams: rate to a bare client"
    return [Goal(says, ("vllm", "rate_to_bare"), ">=", 0.97)]


def _memory() -> list[Goal]:
    says = "executor over http, 100,000 calls:"
    return [
        Goal(f"{says} calls", ("memory", "calls"), ">=", 100_000),
        Goal(f"{says} MB grown since call 10,000", ("memory", "grown_mb"), "<", 50),
    ]


def _faults() -> list[Goal]:
    says, at = "search over http, 30 % faults, same seed:", ("faults", "faults")
    own = ("faults", "model_outcomes")
    return [
        Goal(f"{says} it ends", (*at, "ended"), "==", 1),
        Goal(f"{says} share of faults", (*at, "share_of_faults"), ">=", 0.25),
        Goal(f"{says} another winner", (*at, "winner_differs"), "==", 0),
        Goal(f"{says} scores that differ", (*at, "scores_that_differ"), "==", 0),
        Goal(f"{says} tests or comparisons that differ", (*at, "evidence_differs"), "==", 0),
        Goal(f"{says} failures of the infrastructure graded", (*at, "failures_graded"), "==", 0),
        Goal(f"{says} tokens booked less tokens sent whole", (*at, "booked_less_sent"), "==", 0),
        Goal(
            f"{says} replies that may have been made, less those booked at the worst case",
            (*at, "maybe_made_less_booked_at_worst"),
            "==",
            0,
        ),
        Goal(f"{says} lost tokens above their bookings", (*at, "waste_below_lost"), "==", 0),
        Goal("empty and truncated replies miscounted", (*own, "miscounted"), "==", 0),
        Goal("of them scored other than 0", (*own, "of_them_not_scored_0"), "==", 0),
    ]


def _budgets() -> list[Goal]:
    says = "randomised runs at 64 streams, budgets in USD, tokens, FLOPs, seconds:"
    return [
        Goal(f"{says} runs", ("budgets", "runs"), ">=", 1000),
        Goal(f"{says} overruns", ("budgets", "overruns"), "==", 0),
        Goal(f"{says} with unbooked tokens", ("budgets", "runs_with_unbooked_tokens"), "==", 0),
    ]


def _kills() -> list[Goal]:
    says = "searches over http killed with SIGKILL:"
    return [
        Goal(f"{says} kills", ("kills", "kills"), ">=", 200),
        Goal(f"{says} results that differ", ("kills", "results_that_differ"), "==", 0),
        Goal(
            f"{says} requests above undisturbed and in flight",
            ("kills", "requests_too_many"),
            "==",
            0,
        ),
        Goal(
            f"{says} in flight at a kill, two models of 64 streams and as many being written",
            ("kills", "in_flight_at_most"),
            "<=",
            256,
        ),
        *(
            Goal(
                f"{says} ledgers that differ from the server's {what}",
                ("kills", f"ledgers_that_differ_in_{what}"),
                "==",
                0,
            )
            for what in ("calls", "tokens")
        ),
    ]


def _resume() -> list[Goal]:
    return [
        Goal("searches killed with SIGKILL: kills", ("resume", "kills"), ">=", 50),
        Goal("their results that differ", ("resume", "results_that_differ"), "==", 0),
        Goal("calls on disk made again", ("resume", "calls_on_disk_made_again"), "==", 0),
    ]


def _graders() -> list[Goal]:
    says = "recorded labels of raw outputs, percent:"
    return [
        *(
            Goal(f"{says} {name}", ("graders", "labels", name, "percent"), "==", 100)
            for name in ("zeroeval", "reasoning-gym", "tot-game24")
        ),
        Goal("math: tricky pairs", ("graders", "pairs", "pairs"), ">=", 150),
        Goal("math: of them right, percent", ("graders", "pairs", "percent"), "==", 100),
        Goal(
            "math: hostile answers taken for right",
            ("graders", "pairs", "hostile_taken_for_right"),
            "==",
            0,
        ),
        Goal(
            "math: ordinary answers, agreement with math-verify, percent",
            ("graders", "math-verify", "percent"),
            ">=",
            99.5,
        ),
        Goal(
            "math: gradings a second a core",
            ("graders", "math-verify", "a_second_a_core"),
            ">",
            300,
        ),
    ]


def _graders_code() -> list[Goal]:
    says = "programs at full isolation:"
    return [
        Goal(f"{says} a second", ("graders_code", "humaneval", "per_second"), ">=", 25),
        Goal(f"{says} HumanEval's answers", ("graders_code", "humaneval", "agreement"), "==", 1),
        Goal(f"{says} MBPP's answers", ("graders_code", "mbpp", "agreement"), "==", 1),
        Goal(
            f"{says} recorded labels of completions",
            ("graders_code", "completions", "agreement"),
            ">=",
            0.995,
        ),
    ]


GOALS: tuple[Goal, ...] = (
    *_install(),
    *_demo(),
    Goal("import above bare Python: s", ("startup", "import_above_python_s"), "<", 0.15),
    Goal("graphsearch --help: s", ("startup", "wall_s", "help"), "<", 0.35),
    *_searchers(),
    Goal("graphs drawn a second, 12 slots, 4 models", ("space", "graphs_per_s"), ">", 5000),
    Goal("canonical key of 12 nodes, mean: ms", ("space", "key_ms_mean"), "<", 0.2),
    *_engine(),
    Goal("executor: ms CPU a call", ("executor", "fan_in_4", "cpu_ms_per_call_made"), "<", 0.25),
    *_http(),
    *_vllm(),
    *_memory(),
    *_faults(),
    *_kills(),
    *_budgets(),
    *_resume(),
    *_graders(),
    *_graders_code(),
    *_replays(),
)
