"""A person's call, from the page's messages to the bot and back, over real sockets."""

import asyncio

import numpy as np
import pytest

from media_worker.handlers import handlers_of
from media_worker.server import MediaWorker
from media_worker.settings import Settings
from simulator import audio, speech
from simulator.lab import Bot
from simulator.phone import frames
from simulator.phone.session import Session
from simulator.wire import open_wire
from tests.simulator.fake_bot import ANSWER, HANGUP, FakeBot, choose, digits, record, say
from tests.simulator.phone.page import Page, opened

HELLO = speech.synthesize("Hello.")


async def test_a_call_by_keys(bot: FakeBot) -> None:
    bot.replies = [[ANSWER, choose("Hello.")], [say("Sales."), HANGUP]]
    async with opened(f"{bot.url}/call") as page:
        await page.send("call")
        await page.until("answered")
        assert await page.until("sounds") == {
            "type": "sounds",
            "text": "Hello.",
            "seconds": round(len(HELLO) / 32000, 3),
        }
        await page.until("silenced", cut=False)
        await page.send("press", key="1")
        await page.until("over")
    assert page.told.index({"type": "answered"}) < len(page.told) - 1
    assert {"type": "listening", "keys": ["1", "2"], "words": ["sales", "message", "leave a message"]}.items() <= next(
        message for message in page.told if message["type"] == "listening"
    ).items()
    assert bytes(page.sound) == HELLO + speech.synthesize("Sales.")
    kinds = [event["kind"] for event in page.events]
    assert (kinds[0], kinds[-2:]) == ("call.started", ["call.ended", "verdict"])
    assert (page.events[0]["script"], page.events[0]["caller"]) == ("phone", "8:you")
    assert page.events[-1]["ok"] is True
    assert bot.outcomes[0]["choiceOutcome"] == {"completionReason": "dtmfOptionMatched", "choiceName": "sales"}


async def test_a_key_cuts_the_prompt_off_and_what_was_sent_ahead_is_dropped(bot: FakeBot) -> None:
    text = "A long story that nobody wants to hear to its end, and which has no end anyway."
    bot.replies = [[ANSWER, digits(text, most=1)], [HANGUP]]
    async with opened(f"{bot.url}/call") as page:
        await page.send("call")
        await page.until("sounds")
        await asyncio.sleep(0.3)
        await page.send("press", key="5")
        await page.until("silenced", cut=True)
        await page.until("over")
    assert 0 < len(page.sound) < audio.BYTES_PER_SECOND * 2 < len(speech.synthesize(text))


async def test_what_is_typed_is_spoken(bot: FakeBot) -> None:
    bot.replies = [[ANSWER, choose()], [HANGUP]]
    async with opened(f"{bot.url}/call") as page:
        await page.send("call")
        await page.until("listening", recording=False)
        await page.send("say", text="  sales, please ")
        spoke = await page.until_event("spoke")
        await page.until("over")
    assert spoke["text"] == "sales, please"
    assert spoke["seconds"] == pytest.approx(len(speech.synthesize("sales, please", speech.CALLER)) / 32000, abs=0.1)
    assert bot.outcomes[0]["choiceOutcome"]["choiceName"] == "sales"


async def test_the_microphone_is_recorded(bot: FakeBot) -> None:
    said = speech.synthesize("This is Nora.", speech.CALLER)
    bot.replies = [[ANSWER, record(recordingFormat="wav", stopTones=["#"], playBeep=False)], [HANGUP]]
    async with opened(f"{bot.url}/call") as page:
        await page.send("call")
        await page.until("listening", recording=True)
        await page.speak(audio.silence(0.3) + said + audio.silence(0.2))
        await page.send("press", key="#")
        spoke = await page.until_event("spoke")
        recorded = await page.until_event("recorded")
        await page.until("over")
    assert (spoke["text"], recorded["reason"]) == ("", "completedStopToneDetected")
    sound = bot.requests[1].audio
    assert sound is not None
    # What the microphone sent goes on without a gap, though its pieces come unevenly.
    assert said.strip(b"\0") in audio.decode(sound, ("wav",))


async def test_silence_after_speech_ends_a_recording(bot: FakeBot) -> None:
    said = speech.synthesize("This is Nora.", speech.CALLER)
    asked = record(recordingFormat="wav", maxSilenceTimeoutInSeconds=1)
    bot.replies = [[ANSWER, asked], [HANGUP]]
    async with opened(f"{bot.url}/call") as page:
        await page.send("call")
        await page.until("listening", recording=True)
        speaking = asyncio.create_task(page.speak(said + audio.silence(2.5)))
        recorded = await page.until_event("recorded")
        await speaking
        await page.until("over")
    assert recorded["reason"] == "completedSilenceDetected"


async def test_noise_is_no_signal_while_nobody_can_recognise_it(bot: FakeBot) -> None:
    bot.replies = [[ANSWER, choose("Hello, hello, hello.")], [HANGUP]]
    async with opened(f"{bot.url}/call") as page:
        await page.send("call")
        await page.until("sounds")
        speaking = asyncio.create_task(page.speak(audio.tone(1)))
        await page.until("silenced", cut=False)
        await speaking
        await page.send("press", key="1")
        await page.until("over")
    assert not [event for event in page.events if event["kind"] == "spoke"]


async def test_either_side_hangs_up(bot: FakeBot) -> None:
    bot.replies = [[ANSWER, say("Hello.")], [HANGUP], None, [ANSWER, choose("Hello.")]]
    async with opened(f"{bot.url}/call") as page:
        await page.send("call")
        assert (await page.until_event("call.ended"))["by"] == "bot"
        await page.until("over")
        await page.send("call")
        await page.until("sounds")
        await page.send("hang_up")
        assert (await page.until_event("call.ended"))["by"] == "caller"
        await page.until("over")
    assert bot.last.json["callState"] == "terminated"


async def test_a_page_that_goes_away_hangs_up(bot: FakeBot) -> None:
    bot.replies = [[ANSWER, choose("Hello.")]]
    async with opened(f"{bot.url}/call") as page:
        await page.send("call")
        await page.until("sounds")
    assert bot.last.json["callState"] == "terminated"
    assert bot.last.outcome["choiceOutcome"]["completionReason"] == "callTerminated"


async def test_a_bot_that_cannot_be_reached(bot: FakeBot) -> None:
    async with opened("http://127.0.0.1:9/call") as page:
        await page.send("call")
        verdict = await page.until_event("verdict")
        await page.until("over")
    assert verdict["ok"] is False
    assert "did not answer" in verdict["reasons"][0]


@pytest.mark.parametrize("text", ["{", "[]", "5", '"call"', "{}", "[" * 100_000])
async def test_a_message_that_is_none_is_refused_and_the_page_stays(bot: FakeBot, text: str) -> None:
    bot.replies = [[ANSWER, HANGUP]]
    async with opened(f"{bot.url}/call") as page:
        await page._socket.send(text)
        await page.until("problem")
        for kind, members in (("press", {"key": "1"}), ("say", {"text": "x"}), ("hang_up", {}), ("understood", {})):
            await page.send(kind, **members)
        await page.send("call")
        await page.until("over")


async def test_what_a_page_does_not_take_is_lost_when_it_is_sound_only(bot: FakeBot) -> None:
    async with open_wire() as wire:
        session = Session(Bot(f"{bot.url}/call", wire), None)
        for _ in range(300):
            session._play(b"\0\0")
            session._show("event", event={})
        session._loudspeaker.close()
    waiting = [session._unsent.get_nowait() for _ in range(session._unsent.qsize())]
    assert sum(isinstance(each, str) for each in waiting) == 300
    assert 0 < sum(isinstance(each, bytes) for each in waiting) <= 100


class Ears:
    """Hears the first of the words, whatever was said."""

    def recognise(self, pcm: bytes, words: tuple[str, ...]) -> str:
        assert audio.seconds_of(pcm) > 0.5
        return words[0]


async def spoken_in_the_menu(page: Page) -> None:
    await page.send("call")
    await page.until("listening", words=["sales", "message", "leave a message"])
    await page.speak(audio.silence(0.2) + audio.tone(0.8) + audio.silence(0.9))
    await page.until("confirm", text="sales")


async def test_what_is_recognised_counts_when_it_is_confirmed(bot: FakeBot) -> None:
    bot.replies = [[ANSWER, choose("A long menu that nobody needs to hear to its end, not even once.")], [HANGUP]]
    async with opened(f"{bot.url}/call", Ears()) as page:
        await spoken_in_the_menu(page)
        await page.send("understood", ok=True)
        spoke = await page.until_event("spoke")
        await page.until("over")
    assert spoke["text"] == "sales"
    assert {"type": "silenced", "cut": True} in page.told
    assert bot.outcomes[0]["choiceOutcome"] == {"completionReason": "speechOptionMatched", "choiceName": "sales"}


async def test_what_is_not_confirmed_was_not_said(bot: FakeBot) -> None:
    bot.replies = [[ANSWER, choose()], [HANGUP]]
    async with opened(f"{bot.url}/call", Ears()) as page:
        await spoken_in_the_menu(page)
        await page.send("understood", ok=False)
        spoke = await page.until_event("spoke")
        await page.send("press", key="2")
        await page.until("over")
    assert spoke["text"] == ""
    assert bot.outcomes[0]["choiceOutcome"]["choiceName"] == "message"


async def test_a_key_comes_before_what_is_not_confirmed_yet(bot: FakeBot) -> None:
    bot.replies = [[ANSWER, choose()], [HANGUP]]
    async with opened(f"{bot.url}/call", Ears()) as page:
        await spoken_in_the_menu(page)
        await page.send("press", key="2")
        await page.until("confirm", text="")
        await page.until("over")
    assert bot.outcomes[0]["choiceOutcome"] == {"completionReason": "dtmfOptionMatched", "choiceName": "message"}


async def test_who_speaks_already_when_the_bot_begins_to_listen_is_heard(bot: FakeBot) -> None:
    bot.replies = [[ANSWER, say("Hello, hello."), choose("A long menu that nobody needs to hear.")], [HANGUP]]
    async with opened(f"{bot.url}/call", Ears()) as page:
        await page.send("call")
        await page.until("sounds", text="Hello, hello.")
        speaking = asyncio.create_task(page.speak(audio.tone(2.5) + audio.silence(0.9)))
        await page.until("confirm", text="sales")
        await page.send("understood", ok=True)
        await page.until("over")
        await speaking
    assert bot.outcomes[0]["choiceOutcome"]["choiceName"] == "sales"
    assert [event["cut"] for event in page.events if event["kind"] == "heard"] == [False, True]


async def test_a_stream_carries_sound_and_pictures_both_ways(bot: FakeBot) -> None:
    async with MediaWorker(Settings(port=0), handlers_of("bots.media:bot")) as worker:
        url = f"{worker.url.replace('http', 'ws', 1)}/media/c1?handler=player"
        media = {"transportUrl": url, "enableBidirectional": True}
        bot.replies = [[{"operationId": "m", "action": "answerAppHostedMedia", "mediaConfiguration": media}], None]
        shown = frames.picture(b"\0\0\0\1\x65key", 40_000_000, key=True)
        async with opened(f"{bot.url}/call") as page:
            await page.send("call")
            await page.until("live", on=True)
            await page.until("answered")
            for sizes in ({"width": 640}, {"width": 0, "height": 9, "fps": 15}, {"width": 9, "height": 9, "fps": "x"}):
                await page.send("camera", **sizes)
            await page.send("camera", width=640, height=360, fps=15)
            await page.speak(audio.tone(0.6))
            await page._socket.send(shown)
            async with asyncio.timeout(10):
                while not page.pictures:
                    await page.speak(audio.silence(0.1))
                    await page.drain()
            await page.send("hang_up")
            await page.until("live", on=False)
            await page.until("over")
    assert page.pictures[0] == frames.read(shown)
    assert max(np.frombuffer(bytes(page.sound), "<i2")) > 5000
