import asyncio
import threading

import pytest

from graphsearch.testing import run_virtual


def test_waiting_costs_no_time_and_keeps_its_order():
    async def main():
        seen = []

        async def wait(seconds):
            await asyncio.sleep(seconds)
            seen.append((seconds, asyncio.get_running_loop().time()))

        await asyncio.gather(*(wait(seconds) for seconds in (3600.0, 0.5, 86_400.0, 60.0)))
        return seen

    seen = run_virtual(main())
    assert [seconds for seconds, _ in seen] == [0.5, 60.0, 3600.0, 86_400.0]
    for seconds, time in seen:
        assert time == pytest.approx(seconds)


def test_timeouts_live_in_virtual_time():
    async def main():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.sleep(1000), timeout=999)
        async with asyncio.timeout(1001):
            await asyncio.sleep(1000)
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == pytest.approx(1999)


def test_without_timers_it_waits_for_threads():
    async def main():
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        threading.Thread(target=loop.call_soon_threadsafe, args=(future.set_result, 7)).start()
        return await future

    assert run_virtual(main()) == 7
