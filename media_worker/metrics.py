"""What the worker counts."""

from dataclasses import dataclass, fields


@dataclass(slots=True)
class Metrics:
    """Counters since start. None of them says anything about a single call."""

    streams: int = 0
    refused: int = 0
    resumed: int = 0
    failed: int = 0
    frames_in: int = 0
    frames_out: int = 0
    dropped_in: int = 0
    dropped_out: int = 0
    unsent: int = 0
    bad_messages: int = 0
    pictures_in: int = 0
    pictures_out: int = 0
    dropped_pictures: int = 0
    signals_failed: int = 0
    recordings_failed: int = 0

    def values(self) -> list[int]:
        """The counters in the order of HELP."""
        return [getattr(self, field.name) for field in fields(self)]


HELP = {
    "streams": "Streams accepted.",
    "refused": "Requests for a stream that were refused.",
    "resumed": "Streams whose platform came again after a break.",
    "failed": "Streams whose handler raised.",
    "frames_in": "Audio frames received.",
    "frames_out": "Audio frames sent.",
    "dropped_in": "Audio frames lost because a handler was too slow.",
    "dropped_out": "Audio frames lost because a peer was too slow, or away.",
    "unsent": "Audio frames that waited to be sent when their stream ended.",
    "bad_messages": "Messages that break the wire.",
    "pictures_in": "Access units received.",
    "pictures_out": "Access units sent.",
    "dropped_pictures": "Access units lost, either way.",
    "signals_failed": "Signals that no dialog took.",
    "recordings_failed": "Parts of recordings that could not be stored at the first try.",
}
"""What each counter counts, in the order of Metrics."""

GAUGES = {"sessions": "Streams open now.", "draining": "1 from the order to stop on."}


def render(counters: list[int], gauges: dict[str, int]) -> str:
    """The counters and gauges in the text format of Prometheus."""
    rows = [
        (f"{name}_total", "counter", what, value) for (name, what), value in zip(HELP.items(), counters, strict=True)
    ]
    rows += [(name, "gauge", what, gauges[name]) for name, what in GAUGES.items()]
    return "".join(
        f"# HELP dialtone_media_{name} {what}\n# TYPE dialtone_media_{name} {kind}\ndialtone_media_{name} {value}\n"
        for name, kind, what, value in rows
    )
