"""What the worker counts."""

from dataclasses import dataclass


@dataclass(slots=True)
class Metrics:
    """Counters since start. None of them says anything about a single call."""

    streams: int = 0
    refused: int = 0
    frames_in: int = 0
    frames_out: int = 0
    bad_messages: int = 0

    def render(self, *, sessions: int, draining: bool) -> str:
        """Return the counters, and the two gauges given, in the text format of Prometheus."""
        rows = [
            ("streams_total", "counter", "Streams accepted.", self.streams),
            ("refused_total", "counter", "Requests for a stream that were refused.", self.refused),
            ("frames_in_total", "counter", "Audio frames received.", self.frames_in),
            ("frames_out_total", "counter", "Audio frames sent.", self.frames_out),
            ("bad_messages_total", "counter", "Messages that break the wire.", self.bad_messages),
            ("sessions", "gauge", "Streams open now.", sessions),
            ("draining", "gauge", "1 from the order to stop on.", int(draining)),
        ]
        return "".join(
            f"# HELP dialtone_media_{name} {what}\n# TYPE dialtone_media_{name} {kind}\ndialtone_media_{name} {value}\n"
            for name, kind, what, value in rows
        )
