"""Verdicts on disk: written before they are used, once, and as they were."""

import asyncio

import pytest

from graphsearch.records.calls import Outcome, digest
from graphsearch.records.errors import StoreError
from graphsearch.records.tasks import Verdict
from graphsearch.store import Store
from tests.store.helpers import do

RIGHT = Verdict(1.0, parsed="4", reason="as it should be")
WRONG = Verdict(0.0, reason="took more than 5 s")


def key(number):
    return digest(number)


@pytest.mark.parametrize(
    "verdict",
    [
        RIGHT,
        WRONG,
        Verdict(1 / 3, Outcome.ANSWERED, "", ""),
        Verdict(0.0, Outcome.UNPARSED, None, "a\x00b \ud800 \u2028 größer"),
    ],
)
async def test_a_verdict_comes_back_as_it_was(tmp_path, verdict):
    with Store.open(tmp_path) as store:
        assert store.verdicts.get(key(1)) is None
        assert await store.verdicts.keep(key(1), "i", verdict) == verdict
        assert store.verdicts.get(key(1)) == verdict
    with Store.open(tmp_path, read_only=True) as store:
        assert store.verdicts.get(key(1)) == verdict
        with pytest.raises(TypeError):
            await store.verdicts.keep(key(2), "i", verdict)


async def test_the_first_verdict_stays(tmp_path):
    with Store.open(tmp_path) as store:
        kept = store.verdicts.keep
        found = await asyncio.gather(*(kept(key(1), "i", v) for v in (RIGHT, WRONG, RIGHT)))
        assert found == [RIGHT, RIGHT, RIGHT]
        assert await kept(key(1), "i", WRONG) == RIGHT
        assert await kept(key(2), "i", WRONG) == WRONG
    with Store.open(tmp_path) as store:
        assert await store.verdicts.keep(key(1), "i", WRONG) == RIGHT


async def test_who_gives_up_takes_nothing_from_others(tmp_path):
    with Store.open(tmp_path) as store:
        waiting = [asyncio.create_task(store.verdicts.keep(key(1), "i", v)) for v in (RIGHT, WRONG)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        assert await waiting[1] == RIGHT
        assert store.verdicts.get(key(1)) == RIGHT


def test_what_was_posted_on_a_loop_that_is_no_more_is_on_disk(tmp_path):
    async def post(store, verdict):
        task = asyncio.create_task(store.verdicts.keep(key(1), "i", verdict))
        await asyncio.sleep(0)
        task.cancel()

    async def keep(store, verdict):
        return await store.verdicts.keep(key(1), "i", verdict)

    with Store.open(tmp_path) as store:
        asyncio.run(post(store, RIGHT))
        store.verdicts.catch_up()
        assert store.verdicts.get(key(1)) == RIGHT
        assert asyncio.run(keep(store, WRONG)) == RIGHT


async def test_they_are_no_part_of_the_books(tmp_path):
    with Store.open(tmp_path) as store:
        await store.verdicts.keep(key(1), "i", RIGHT)
        assert store.totals() == {}
    with Store.open(tmp_path, read_only=True) as store:
        assert store.totals() == {}


async def test_a_store_of_schema_2_is_read_as_it_is_and_gets_its_table(tmp_path):
    Store.open(tmp_path).close()
    do(tmp_path, "DROP TABLE verdicts")
    do(tmp_path, "UPDATE meta SET value = '2' WHERE name = 'schema_version'")
    Store.open(tmp_path, read_only=True).close()
    with Store.open(tmp_path) as store:
        assert await store.verdicts.keep(key(1), "i", RIGHT) == RIGHT


async def test_a_damaged_verdict_is_none(tmp_path):
    with Store.open(tmp_path) as store:
        await store.verdicts.keep(key(1), "i", RIGHT)
    for value in ("{", "[1]", "[1,2,3,4]", "null", '["x","answered",null,""]'):
        do(tmp_path, f"UPDATE verdicts SET value = '{value}'")
        with Store.open(tmp_path) as store, pytest.raises(StoreError, match="file is damaged"):
            store.verdicts.get(key(1))
