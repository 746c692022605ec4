import asyncio
from collections.abc import Awaitable, Callable
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import audio
from simulator.clock import VirtualClock
from simulator.ledger import Event, Ledger
from simulator.line import CallOver, Key, Line, Sound, SpeechEnded, SpeechStarted

End = Callable[[Line], Awaitable[None]]
TWO_SECONDS = Sound(audio.silence(2), text="two seconds")


async def on_a_line(platform: End, caller: End, max_seconds: float = inf) -> tuple[Line, list[Event]]:
    clock = VirtualClock()
    ledger = Ledger(clock)
    line = Line(clock, ledger, max_seconds)

    async def end(part: End) -> None:
        await part(line)

    await asyncio.gather(clock.start(end(platform)), clock.start(end(caller)))
    return line, ledger.events


async def test_signals_arrive_in_order_and_in_time() -> None:
    seen: list[tuple[float, object]] = []

    async def platform(line: Line) -> None:
        for _ in range(4):
            signal = await line.next_signal(10)
            seen.append((line.clock.now(), signal))

    async def caller(line: Line) -> None:
        await line.pause(1)
        line.press("5")
        await line.speak(audio.silence(2), "hello")

    await on_a_line(platform, caller)
    assert seen == [(1, Key("5")), (1, SpeechStarted()), (3, SpeechEnded("hello")), (10, None)]


async def test_a_prompt_is_cut_only_by_what_cuts_it() -> None:
    async def platform(line: Line) -> None:
        assert await line.play(TWO_SECONDS) is None
        assert await line.play(TWO_SECONDS, lambda signal: signal == Key("2")) == Key("2")

    async def caller(line: Line) -> None:
        for key in "1212":
            await line.pause(0.75)
            line.press(key)

    line, events = await on_a_line(platform, caller)
    heard = [event for event in events if event["kind"] == "heard"]
    assert [(event["start"], event["seconds"], event["cut"]) for event in heard] == [(0, 2, False), (2, 1, True)]
    assert [(one.start, one.end, one.cut) for one in line.heard] == [(0, 2, False), (2, 3, True)]


async def test_after_hanging_up_every_wait_ends() -> None:
    over: list[str] = []

    async def platform(line: Line) -> None:
        with pytest.raises(CallOver):
            await line.play(TWO_SECONDS)
        for wait in (line.next_signal(5), line.quiet(1), line.play(TWO_SECONDS), line.pause(0), line.news()):
            with pytest.raises(CallOver):
                await wait
        with pytest.raises(CallOver):
            line.press("1")
        over.append("platform")

    async def caller(line: Line) -> None:
        await line.pause(0.5)
        line.hang_up("caller")
        line.hang_up("bot")

    line, events = await on_a_line(platform, caller)
    assert over == ["platform"]
    assert line.over_by == "caller"
    assert [event["by"] for event in events if event["kind"] == "hung_up"] == ["caller"]
    assert next(event for event in events if event["kind"] == "heard")["seconds"] == 0.5


async def test_a_call_has_a_longest_duration() -> None:
    async def platform(line: Line) -> None:
        with pytest.raises(CallOver):
            await line.next_signal()
        assert line.clock.now() == 7

    async def caller(line: Line) -> None:
        with pytest.raises(CallOver):
            await line.pause(60)

    line, _ = await on_a_line(platform, caller, max_seconds=7)
    assert line.over_by == "platform"


async def test_what_is_sent_while_nothing_listens_is_lost() -> None:
    async def platform(line: Line) -> None:
        await line.clock.sleep(1)
        line.listen()
        assert await line.next_signal(2) is None

    async def caller(line: Line) -> None:
        line.press("1")

    await on_a_line(platform, caller)


@given(begins=st.floats(0, 3), length=st.floats(0, 3), start=st.floats(0, 4), window=st.floats(0, 4))
def test_caller_sound_is_what_was_said_between_two_times(
    begins: float, length: float, start: float, window: float
) -> None:
    said = b"\x01\x00" * round(length * audio.RATE)

    async def platform(line: Line) -> None:
        await line.clock.sleep(10)
        samples = line.caller_sound(start, start + window)
        assert len(samples) == 2 * round((start + window - start) * audio.RATE)
        overlap = max(0.0, min(begins + length, start + window) - max(begins, start))
        assert samples.count(b"\x01") == pytest.approx(overlap * audio.RATE, abs=2)
        if begins > start and window > begins - start:
            assert samples.strip(b"\x00")[:1] in (b"", b"\x01")

    async def caller(line: Line) -> None:
        await line.pause(begins)
        await line.speak(said, "one")

    asyncio.run(_main(platform, caller))


async def _main(platform: End, caller: End) -> None:
    await on_a_line(platform, caller)


async def test_a_hang_up_cuts_what_is_said() -> None:
    async def platform(line: Line) -> None:
        await line.clock.sleep(1)
        line.hang_up("bot")

    async def caller(line: Line) -> None:
        with pytest.raises(CallOver):
            await line.speak(audio.tone(3), "a long story")

    _, events = await on_a_line(platform, caller)
    spoke = next(event for event in events if event["kind"] == "spoke")
    assert (spoke["start"], spoke["seconds"], spoke["text"]) == (0, 1, "a long story")


async def test_a_microphone_has_no_gaps_though_its_pieces_come_unevenly() -> None:
    pieces = [audio.tone(0.02, hertz) for hertz in range(300, 1300, 50)]

    async def platform(line: Line) -> None:
        await line.quiet(5)

    async def caller(line: Line) -> None:
        began = line.begin_speech()
        for number, piece in enumerate(pieces):
            # It stalls for half a second, and then catches up.
            await line.pause(0.5 if number == 5 else 0 if 5 < number < 20 else 0.02)
            line.carry(piece)
        line.end_speech(began, "")
        await line.pause(2)
        line.carry(audio.tone(0.02))

    line, events = await on_a_line(platform, caller)
    assert line.caller_sound(0, 0.4) == b"".join(pieces)
    assert line.caller_sound(0.4, 2.5) == audio.silence(2.1)
    assert not line.speaking
    (spoke,) = [event for event in events if event["kind"] == "spoke"]
    assert (spoke["text"], spoke["start"]) == ("", 0)


async def test_what_is_typed_and_what_a_microphone_picks_up_are_mixed() -> None:
    async def platform(line: Line) -> None:
        await line.quiet(3)

    async def caller(line: Line) -> None:
        await line.speak(audio.tone(1), "tone")
        line.carry(audio.tone(1))

    line, _ = await on_a_line(platform, caller)
    once = np.frombuffer(audio.tone(1), "<i2")
    assert line.caller_sound(0, 1) == (2 * once).tobytes()
    line.carry(np.full(audio.RATE, 32767, "<i2").tobytes())
    line.carry(np.full(audio.RATE, 32767, "<i2").tobytes())
    assert max(np.frombuffer(line.caller_sound(0, 4), "<i2")) == 32767
