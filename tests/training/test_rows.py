import numpy as np
import pytest

from graphsearch.engines.embedded.vocabulary import WORDS, normalise
from graphsearch.evaluators.graders.puzzle import PuzzleGrader
from graphsearch.evaluators.graders.recall import RecallGrader
from graphsearch.evaluators.tasks import puzzle, recall
from training.mixture import FACTS_FIRST, Mixture
from training.puzzle_rows import PuzzleRows
from training.recall_rows import RecallRows, mix

PUZZLE, RECALL = PuzzleGrader(), RecallGrader()


@pytest.fixture(scope="module")
def puzzles():
    return PuzzleRows((3,))


def texts(batch):
    return [" ".join(WORDS[i] for i in row) for row in batch.ids]


def asked(text):
    """Item, candidates by tag, and answer of a row."""
    question, answer = text.split(" :", 1)
    words = question.split()
    numbers = tuple(int(word) for word in words[2 : words.index(">")])
    item = puzzle.make_item(numbers, int(words[words.index(">") + 1]))
    rest = words[words.index(">") + 2 :]
    candidates = {}
    while rest:
        end = rest.index(rest[0], 1)
        candidates[rest[0]] = normalise(" ".join(rest[:end]))
        rest = rest[end + 1 :]
    return item, candidates, answer.strip()


def test_solve_rows_are_right_and_of_training_multisets(puzzles):
    for text in texts(puzzles.solve(100, np.random.default_rng(0))):
        item, _, answer = asked(text)
        assert puzzle.split_of(tuple(item.meta["numbers"])) == "train"
        assert PUZZLE.grade(item, normalise(answer)).score == 1
        assert PUZZLE.claims(item, normalise(answer)) is True


def test_honest_rows_have_true_steps_and_a_true_verdict(puzzles):
    batch = puzzles.honest(200, np.random.default_rng(0))
    claims = set()
    for text in texts(batch):
        item, _, answer = asked(text)
        answer = normalise(answer)
        claims.add(PUZZLE.claims(item, answer))
        assert not any(check.fault for check in PUZZLE.steps(item, answer))
        assert PUZZLE.claims(item, answer) == (PUZZLE.grade(item, answer).score == 1)
    assert claims == {True, False}
    results = [WORDS[i] for i in batch.ids[0][batch.weights[0] > 0]]
    assert len(results) == 2 + 3  # two results, K, verdict, end: nothing else is trained


def test_pointers_are_right_and_copies_exact(puzzles):
    told, lies, fresh = 0, 0, 0
    for seed in range(8):
        batch = puzzles.fuse(50, 3, np.random.default_rng(seed))
        pointer_place = 1 + batch.ids[0].tolist().index(WORDS.index(":"))
        for text, weight in zip(texts(batch), batch.weights[:, pointer_place], strict=True):
            item, candidates, answer = asked(text)
            pointer = answer.split()[0]
            right = [t for t, c in candidates.items() if PUZZLE.grade(item, c).score == 1]
            lies += sum(
                PUZZLE.claims(item, c) is True and t not in right for t, c in candidates.items()
            )
            told += weight == 0
            if weight:
                assert pointer == (right[0] if right else "~")
            if pointer == "~":
                fresh += 1
                assert PUZZLE.grade(item, normalise(answer)).score == 1
            else:
                assert PUZZLE.parse(item, normalise(answer)) == PUZZLE.parse(
                    item, candidates[pointer]
                )
    assert told > 50
    assert lies > 20
    assert fresh > 50


def test_recall_rows_are_true_walks_of_training_chains():
    rows = RecallRows()
    for candidates in (0, 1, 4):
        rng = np.random.default_rng(candidates)
        batch = rows.weigh(200, 2, candidates, rng) if candidates else rows.solve(200, 2, rng)
        known = 0
        for text in texts(batch):
            words = text.split()
            operations = (int(words[5][1:]), int(words[7][1:]))
            if max(operations) >= recall.OPERATIONS:
                continue
            known += 1
            start = int(words[2][1:])
            assert recall.split_of(start, operations) == "train"
            answer = normalise(text.rsplit(" : ", 1)[1])
            assert RECALL.grade(recall.make_item(start, operations), answer).score == 1
        assert known > 80 if candidates else known == 200


def test_the_result_of_a_blank_operation_stands_in_most_candidates_and_nowhere_else():
    batch = RecallRows().weigh(600, 1, 3, np.random.default_rng(0))
    seen, results = [], set()
    for text in texts(batch):
        words = text.split()
        if int(words[5][1:]) >= recall.OPERATIONS:
            seen.append([words[place] == words[-2] for place in (10, 16, 22)])
            results.add((words[2], words[5], words[-2]))
    assert 0.7 < np.mean(seen) < 0.9
    assert len(results) > 100  # no table could give these


def test_candidates_of_recall_err_more_on_rare_facts():
    rows = RecallRows()
    rng = np.random.default_rng(0)
    start = rng.integers(recall.STATES, size=2000)
    errors = []
    for operation in (2, 120):
        operations = np.full((2000, 1), operation)
        gold = rows.walk(start, operations, rng)
        states = rows.mistaken(start, operations, gold, rng.random(2000), rng)
        errors.append(np.mean(states != gold))
    assert errors[0] + 0.2 < errors[1]


def test_the_hash_is_the_same_one_by_one_and_in_arrays():
    keys = [0, 1, 77, 2**40 + 3, 2**64 - 1]
    assert mix(np.array(keys, dtype=np.uint64)).tolist() == [recall.mix(key) for key in keys]


def test_a_step_depends_on_seed_and_number_alone():
    mixture = Mixture(0, only="recall")
    again = Mixture(0, only="recall").parts(7, 0.5)
    mixture.parts(3, 0.5)
    for one, two in zip(mixture.parts(7, 0.5), again, strict=True):
        assert np.array_equal(one.batch.ids, two.batch.ids)
    other = Mixture(1, only="recall").parts(7, 0.5)
    assert not np.array_equal(again[0].batch.ids[0], other[0].batch.ids[0])


def test_facts_come_first():
    mixture = Mixture(0, only="recall")
    assert {p.batch.kind for p in mixture.parts(3, FACTS_FIRST / 2)} == {"recall-solve"}
    assert {p.batch.kind for p in mixture.parts(3, 0.9)} == {"recall-solve", "recall-fuse"}
