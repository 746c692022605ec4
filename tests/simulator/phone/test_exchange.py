"""Who may have the page, and who may be on the line."""

from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from simulator.phone.exchange import PROTOCOL
from tests.simulator.fake_bot import FakeBot
from tests.simulator.phone.page import served, token_of

PAGE = Path(__file__).parents[3] / "simulator" / "phone" / "page"


async def test_the_page_and_its_files(bot: FakeBot) -> None:
    async with (
        served(f"{bot.url}/<call>") as address,
        httpx.AsyncClient(base_url=address, trust_env=False) as client,
    ):
        assert (await client.get("/phone")).headers["location"] == "/phone/"
        page = await client.get("/phone/")
        assert "&lt;call&gt;" in page.text
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in page.headers
        for file in PAGE.iterdir():
            reply = await client.get(f"/phone/{file.name}")
            assert reply.status_code == 200
            assert file.name == "index.html" or reply.content == file.read_bytes()
        assert (await client.head("/phone/phone.css")).content == b""
        for path in ("/phone/x.js", "/phone/../exchange.py", "/phone/%2e%2e/exchange.py", "/phones"):
            assert (await client.get(path)).status_code == 404
        assert (await client.post("/phone/")).status_code == 404
        assert (await client.get("/phone/", headers={"Host": "evil.example"})).status_code == 403


async def test_each_run_has_a_token_of_its_own(bot: FakeBot) -> None:
    async with served(f"{bot.url}/call") as one, served(f"{bot.url}/call") as other:
        assert await token_of(one) != await token_of(other)
        assert await token_of(one) == await token_of(one)


@pytest.mark.parametrize(
    ("origin", "host", "token", "path"),
    [
        ("http://evil.example", None, "{token}", "/phone/line"),
        ("null", None, "{token}", "/phone/line"),
        ("http://127.0.0.1:1", None, "{token}", "/phone/line"),
        (None, None, "{token}", "/phone/line"),
        ("{here}", None, "x" * 32, "/phone/line"),
        ("{here}", None, None, "/phone/line"),
        ("http://evil.example", "evil.example", "{token}", "/phone/line"),
        ("{here}", None, "{token}", "/phone/lines"),
    ],
)
async def test_nobody_else_gets_on_the_line(
    bot: FakeBot, origin: str | None, host: str | None, token: str | None, path: str
) -> None:
    async with served(f"{bot.url}/call") as here:
        offered = [PROTOCOL]
        if token is not None:
            offered.append(token.format(token=await token_of(here)))
        headers = {} if host is None else {"Host": host}
        with pytest.raises(InvalidStatus) as refused:
            async with connect(
                here.replace("http", "ws") + path,
                origin=origin and origin.format(here=here),  # type: ignore[arg-type]  # a NewType of str
                subprotocols=offered,  # type: ignore[arg-type]  # NewTypes of str
                additional_headers=headers,
                proxy=None,
            ):
                pass
    assert refused.value.response.status_code == 403
    assert bot.requests == []
