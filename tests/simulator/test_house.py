import pytest
from aiohttp import web

from simulator.house import HouseFailed, HttpHouse
from simulator.wire import open_wire
from tests.functions.issuer import serving


async def test_a_house_is_asked_over_http() -> None:
    asked = []

    async def give(request: web.Request) -> web.Response:
        asked.append((request.method, request.path))
        return web.Response(status=500 if request.path == "/kill" and len(asked) > 3 else 204)

    async with serving(give) as url, open_wire() as wire:
        house = HttpHouse(f"{url}/", wire)
        await house.storage(up=False)
        await house.storage(up=True)
        await house.kill()
        with pytest.raises(HouseFailed, match="did not do /kill: status 500"):
            await house.kill()
    assert asked == [("POST", "/storage/down"), ("POST", "/storage/up"), ("POST", "/kill"), ("POST", "/kill")]


async def test_a_house_that_is_not_there() -> None:
    async with open_wire() as wire:
        with pytest.raises(HouseFailed, match="did not do /kill: unreachable"):
            await HttpHouse("http://127.0.0.1:1", wire).kill()
