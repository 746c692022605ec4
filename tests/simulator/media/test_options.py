"""What a bot asks of a stream, read from its commands."""

from typing import Any

import pytest

from dialtone.channels.acs_commands import MediaStreaming
from simulator.media.options import OptionsError, StreamOptions

PLAIN = {
    "transportUrl": "wss://worker.example/media/1",
    "transportType": "websocket",
    "contentType": "audio",
    "audioChannelType": "unmixed",
    "startMediaStreaming": True,
    "enableBidirectional": True,
    "audioFormat": "Pcm24KMono",
    "enableDtmfTones": True,
}


def test_all_members_are_read_in_any_case() -> None:
    assert StreamOptions.from_wire(PLAIN) == StreamOptions(
        "wss://worker.example/media/1", 24_000, mixed=False, bidirectional=True, keys=True, start=True
    )


def test_what_the_kit_writes_is_read() -> None:
    written = MediaStreaming("ws://127.0.0.1:8080/media/1", rate=16_000, unmixed=False).wire()
    assert StreamOptions.from_wire(written) == StreamOptions("ws://127.0.0.1:8080/media/1", start=True)


def test_absent_members_have_the_platforms_defaults() -> None:
    assert StreamOptions.from_wire({"transportUrl": "ws://worker.example"}) == StreamOptions(
        "ws://worker.example", 16_000, mixed=True, bidirectional=False, keys=False, start=False
    )


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("transportUrl", None),
        ("transportUrl", "https://worker.example"),
        ("transportUrl", "wss://"),
        ("transportUrl", "wss://[worker"),
        ("transportType", "tcp"),
        ("contentType", 1),
        ("audioChannelType", "stereo"),
        ("audioFormat", "mp3"),
        ("enableBidirectional", "yes"),
    ],
)
def test_what_is_wrong_is_named(member: str, value: Any) -> None:
    with pytest.raises(OptionsError, match=member):
        StreamOptions.from_wire({**PLAIN, member: value})


def test_anything_but_an_object_is_refused() -> None:
    with pytest.raises(OptionsError, match="not an object"):
        StreamOptions.from_wire([])
