from collections.abc import AsyncIterator

import pytest

from tests.simulator.fake_bot import FakeBot, running_bot


@pytest.fixture
async def bot() -> AsyncIterator[FakeBot]:
    async with running_bot() as running:
        yield running
