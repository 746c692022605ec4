"""Rooms: streams of one process that hear each other.

Each 20 ms a room takes a frame of each voice and sends every stream the sum of all the others (mix-minus), so that
nobody hears himself. Who is not heard costs nothing. All streams of a room have one rate.
"""

from typing import TYPE_CHECKING

from dialtone.media.messages import AudioFrame
from dialtone.media.stream import MediaError
from media_worker.lane import Lane
from media_worker.sound import mix_minus
from media_worker.wheel import Wheel

if TYPE_CHECKING:
    from media_worker.stream import LiveStream


class Rooms:
    """The rooms of a process, by name. One is there as long as somebody is in it."""

    def __init__(self, wheel: Wheel) -> None:
        self._wheel = wheel
        self._rooms: dict[str, Room] = {}

    def enter(self, name: str, stream: "LiveStream") -> "Room":
        """Put a stream into a room. Raises MediaError if the room has another rate."""
        room = self._rooms.get(name)
        if room is None:
            room = self._rooms[name] = Room(stream.metadata.sample_rate)
            self._wheel.join(room)
        if room.rate != stream.metadata.sample_rate:
            raise MediaError(f"room {name!r} has {room.rate} Hz; ask for that format when the call is answered")
        room.lanes[stream] = Lane()
        return room

    def leave(self, name: str, stream: "LiveStream") -> None:
        """Take it out again."""
        room = self._rooms[name]
        del room.lanes[stream]
        if not room.lanes:
            self._wheel.leave(room)
            del self._rooms[name]


class Room:
    """Who is in a room, and what each says."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.lanes: dict[LiveStream, Lane] = {}
        self._silence = bytes(rate // 50 * 2)

    def hear(self, stream: "LiveStream", frame: AudioFrame) -> None:
        """A frame of one of them."""
        self.lanes[stream].put(frame.pcm)

    def turn(self, tick: int) -> None:
        """See `Member`."""
        said = {stream: pcm for stream, lane in self.lanes.items() if (pcm := lane.take()) is not None}
        if not said:
            return
        silent = [stream for stream in self.lanes if stream not in said]
        # One more voice, of nobody: what everyone hears who says nothing.
        *minus, everything = mix_minus([*said.values(), self._silence])
        for stream, pcm in zip(said, minus, strict=True):
            if len(said) > 1:
                stream.send(pcm)
        for stream in silent:
            stream.send(everything)
