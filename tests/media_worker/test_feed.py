import asyncio

import pytest

from media_worker.feed import Feed


async def test_what_is_put_is_taken_in_order() -> None:
    feed: Feed[int] = Feed(3)
    assert all(feed.put(number) for number in range(3))
    feed.end()
    assert [number async for number in feed] == [0, 1, 2]


async def test_the_oldest_is_lost_and_counted() -> None:
    feed: Feed[int] = Feed(3)
    assert [feed.put(number) for number in range(5)] == [True, True, True, False, False]
    assert (feed.dropped, feed.take_all(), len(feed)) == (2, [2, 3, 4], 0)


async def test_who_waits_is_woken_by_what_comes_and_by_the_end() -> None:
    feed: Feed[int] = Feed(3)
    waiting = asyncio.ensure_future(anext(feed))
    await asyncio.sleep(0)
    feed.put(1)
    assert await waiting == 1
    ending = asyncio.ensure_future(anext(feed))
    await asyncio.sleep(0)
    feed.end()
    with pytest.raises(StopAsyncIteration):
        await ending


async def test_who_was_cancelled_takes_nothing_with_him() -> None:
    feed: Feed[int] = Feed(3)
    waiting = asyncio.ensure_future(anext(feed))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    feed.put(1)
    assert await anext(feed) == 1


async def test_one_task_at_a_time_may_wait() -> None:
    feed: Feed[int] = Feed(3)
    waiting = asyncio.ensure_future(anext(feed))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="another task"):
        await anext(feed)
    feed.put(1)
    assert await waiting == 1
