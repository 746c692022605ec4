"""The platform's side of a media stream, for tests: it speaks the wire without the kit's own code."""

import base64
import json
from typing import Any

METADATA = json.dumps(
    {
        "kind": "AudioMetadata",
        "audioMetadata": {
            "subscriptionId": "9f5b8a0e",
            "encoding": "PCM",
            "sampleRate": 16000,
            "channels": 1,
            "length": 640,
        },
    }
)


def pcm(number: int) -> bytes:
    """640 bytes that differ by `number`."""
    return number.to_bytes(4, "big") * 160


def audio(sound: bytes, **members: Any) -> str:
    """One AudioData message."""
    data = base64.b64encode(sound).decode()
    body = {"timestamp": "2026-01-07T10:20:31.123Z", "data": data, "silent": False, **members}
    return json.dumps({"kind": "AudioData", "audioData": body})


def heard(message: str | bytes) -> bytes:
    """The sound of a message that the bot sent."""
    body = json.loads(message)
    assert body["Kind"] == "AudioData"
    return base64.b64decode(body["AudioData"]["Data"], validate=True)
