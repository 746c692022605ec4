"""The Node calling SDK: what it was measured to do, and what a bot of ours does in its place.

The vectors of the areas AREAS are of that SDK. A vector passes as it is, or is in DIFFERENT with what we reply instead,
exactly, and why. STATED is the same for what is known of the SDK and has no vector, by the number of the statement.
A reply is written as its actions, one text each (`brief`); one without actions is empty, and a number is a refusal's
status.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dialtone import ActionFailed, Call, CallBot, Defaults, DialogResult, Library, Prompt, ResumeReason, User
from dialtone.errors import DependencyError, DialtoneError
from dialtone.protocol import Answer, Participant, Reject
from tests.functions.rig import Rig, conversation, result, with_audio

Json = dict[str, Any]
Came = list[Json]
Bot = Callable[[Came], CallBot]
Replies = list[list[str] | int]
CASES: list[Json] = json.loads((Path(__file__).parent / "cases" / "skype.json").read_text(encoding="utf-8"))
AREAS = ("node-session", "node-prompts", "node-dialogs")
VECTORS = {case["id"]: case for case in CASES if case["area"] in AREAS}

APOLOGY = 'say "I\'m sorry. Something went wrong. Please call again later."'
CONFIRM = 'ask "Right?" yes=1,yes,yep,sure,ok,true no=2,no,nope,not,false'
PLAYED: Json = {"type": "playPromptOutcome"}
MISSPELT: Json = {"type": "worfklowValidationOutcome", "outcome": "failure"}


def heard(name: str, reason: str = "dtmfOptionMatched") -> Json:
    return {"type": "recognizeOutcome", "choiceOutcome": {"completionReason": reason, "choiceName": name}}


def unheard(reason: str) -> Json:
    part = {"choiceOutcome": {"completionReason": reason}} if reason else {}
    return {"type": "recognizeOutcome", "outcome": "failure"} | part


def typed(digits: str, reason: str) -> Json:
    return {"type": "recognizeOutcome", "collectDigitsOutcome": {"completionReason": reason, "digits": digits}}


def recorded(reason: str, seconds: float = 3.5) -> Json:
    outcome = "success" if seconds else "failure"
    return {
        "type": "recordOutcome",
        "outcome": outcome,
        "completionReason": reason,
        "lengthOfRecordingInSecs": seconds,
    }


def root(dialog: Callable[[Call], Awaitable[Any]], **options: Any) -> Bot:
    def make(came: Came) -> CallBot:
        bot = CallBot(**options)
        bot.incoming(dialog)
        return bot

    return make


def told(result: DialogResult) -> Json:
    """A result as the vectors write it."""
    said: Json = {"resumed": int(result.resumed), "response": result.response, "childId": result.child_id or None}
    return {name: value for name, value in said.items() if value is not None}


def asking(question: Callable[[Call], Awaitable[Any]], **options: Any) -> Bot:
    """A waterfall of a question and a step that notes what came of it."""

    def make(came: Came) -> CallBot:
        async def ask(call: Call, result: DialogResult) -> Any:
            return await question(call)

        async def note(call: Call, result: DialogResult) -> None:
            came[:] = [told(result)]

        bot = CallBot(**options)
        bot.dialog("/", [ask, note])
        return bot

    return make


def saying(*texts: str) -> Bot:
    async def dialog(call: Call) -> None:
        for text in texts:
            call.say(text)

    return root(dialog)


def confirming(**options: Any) -> Bot:
    return asking(lambda call: call.confirm("Right?", **options))


def digits(maximum: int = 4, **options: Any) -> Bot:
    return asking(lambda call: call.digits("Pin?", maximum=maximum, **options))


def recording(**options: Any) -> Bot:
    async def record(call: Call) -> Any:
        made = await call.record("Speak.", **options)
        return made.seconds if made else None

    return asking(record)


async def ends(call: Call) -> None:
    call.end_conversation()


async def says_goodbye(call: Call) -> None:
    call.end_conversation("goodbye")


async def answers_and_ends(call: Call) -> None:
    call.answer()
    call.end_conversation()


async def answers(call: Call) -> None:
    call.answer()


async def rejects(call: Call) -> None:
    call.reject()


async def answers_too_late(call: Call) -> None:
    call.say("x")
    call.answer()


async def fails(call: Call) -> None:
    call.say("before")
    raise LookupError("no such customer")


async def has_last_words(call: Call) -> None:
    call.say("last words")
    call.end()


async def performs(call: Call) -> Json:
    return (await call.perform(Answer(operation_id="0"))).to_wire()


def arguments_go_down(came: Came) -> CallBot:
    bot = CallBot()

    @bot.incoming
    async def dialog(call: Call) -> None:
        came[:] = [told(await call.begin("/child", seed=7))]

    @bot.dialog("/child")
    async def child(call: Call, **args: Any) -> Json:
        return {"got": args}

    return bot


def replaced(came: Came) -> CallBot:
    bot = CallBot()

    @bot.incoming
    async def dialog(call: Call) -> None:
        result = await call.begin("/start", hi=1)
        call.say(f"after {json.dumps({'resumed': int(result.resumed)}, separators=(',', ':'))}")

    @bot.dialog("/start")
    async def start(call: Call, **args: Any) -> None:
        call.replace("/other", **{"from": "start", "args": args})

    @bot.dialog("/other")
    async def other(call: Call, **args: Any) -> None:
        call.say(f"other {json.dumps(args, separators=(',', ':'))}")

    return bot


def skipping(came: Came) -> CallBot:
    async def first(call: Call, result: DialogResult) -> None:
        call.next()

    async def second(call: Call, result: DialogResult) -> None:
        came[:] = [told(result)]
        call.next(5)

    async def third(call: Call, result: DialogResult) -> None:
        r1, r2 = (json.dumps(each, separators=(",", ":")) for each in (*came, told(result)))
        call.end_conversation(f"r1={r1} r2={r2}")

    bot = CallBot()
    bot.dialog("/", [first, second, third])
    return bot


def going_back(came: Came) -> CallBot:
    async def begin(call: Call, result: DialogResult) -> DialogResult:
        return await call.begin("/child")

    async def never(call: Call, result: DialogResult) -> None:
        raise AssertionError("there is no step after a result of back")

    bot = CallBot()
    bot.dialog("/", [begin, never])

    @bot.dialog("/child")
    async def child(call: Call) -> None:
        call.end(resumed=ResumeReason.BACK)

    return bot


def in_a_library(came: Came) -> CallBot:
    shop = Library("shop")

    @shop.dialog("/buy")
    async def buy(call: Call) -> Any:
        return (await call.begin("/inner")).response

    @shop.dialog("/inner")
    async def inner_of_shop(call: Call) -> str:
        return "inner-of-shop"

    bot = CallBot()
    bot.library(shop)

    @bot.dialog("/inner")
    async def inner(call: Call) -> str:
        return "inner-of-bot"

    @bot.incoming
    async def dialog(call: Call) -> None:
        result = await call.begin("shop:/buy")
        call.end_conversation(f"R={result.response} child={result.child_id}")

    return bot


BOTS: dict[str, Bot] = {
    "K01": saying("Only five words"),
    "K02": root(ends),
    "K03": root(says_goodbye),
    "K04": root(answers_and_ends),
    "K05": root(answers),
    "K07": root(rejects),
    "K08": root(answers_too_late),
    "K09": saying("a", "b", "c"),
    "K11": root(fails, apology=Prompt("apology", "Custom failure text")),
    "K12": root(has_last_words),
    "K13": saying("Hello."),
    "K14": saying("Hello."),
    **{number: confirming() for number in ("Q01", "Q02", "Q03", "Q04", "Q05", "Q06", "Q17")},
    "Q08": confirming(cancel="0", retries=0),
    "Q09": confirming(retries=0),
    "Q10": digits(stop_tones="#"),
    "Q13": recording(),
    "Q15": recording(),
    "Q16": asking(performs),
    "D01": arguments_go_down,
    "D02": replaced,
    "D03": skipping,
    "D04": going_back,
    "D05": in_a_library,
    "D09": asking(lambda call: call.confirm("Sure?"), localize=lambda language, text: f"<{language}>{text}"),
}


@dataclass(frozen=True)
class Different:
    """What we reply instead, and why."""

    replies: Replies
    reason: str


AT_ONCE = "we hang up in the workflow that says the last words, not one callback later"

DIFFERENT = {
    "K01": Different([["answer", 'say "Only five words"', "hangup"], ["hangup"]], AT_ONCE),
    "K05": Different([["answer", "hangup"]], AT_ONCE),
    "K08": Different(
        [["answer", 'say "x"', APOLOGY, "hangup"]],
        "the platform refuses a workflow in the wrong order: it is the author's error, found before it leaves",
    ),
    "K09": Different([["answer", 'say "a"', 'say "b"', 'say "c"', "hangup"]], AT_ONCE),
    "K13": Different([["answer", 'say "Hello."', "hangup"], []], AT_ONCE),
    "K14": Different([["answer", 'say "Hello."', "hangup"], ["hangup"]], AT_ONCE),
    "Q06": Different([["answer", CONFIRM], []], "the caller has left: nothing is sent to a call that is over"),
    "Q17": Different(
        [["answer", CONFIRM], 400], "a callback without an outcome breaks the contract, and the dialog does not see it"
    ),
    "D02": Different(
        [["answer", 'say "other {"from":"start","args":{"hi":1}}"', 'say "after {"resumed":0}"', "hangup"], ["hangup"]],
        "a dialog that has spoken goes on at once; only a question waits for the platform",
    ),
}


def brief(action: Json) -> str:
    """An action in a few words."""
    kind = action["action"]
    if kind == "playPrompt":
        return " ".join(["say", *(f'"{prompt.get("value") or prompt["fileUri"]}"' for prompt in action["prompts"])])
    if kind in ("recognize", "record"):
        text = "".join(f' "{prompt["value"]}"' for prompt in action.get("playPrompt", {}).get("prompts", ()))
        choices = "".join(
            f" {each['name']}={','.join([each.get('dtmfVariation', ''), *each.get('speechVariation', ())])}"
            for each in action.get("choices", ())
        )
        return f"{'ask' if kind == 'recognize' else kind}{text}{choices}"
    return str(kind)


class Rung:
    """A call over the wire of the bot: its requests are those of a vector."""

    def __init__(self, bot: Bot) -> None:
        self.came: Came = []
        self.rig = Rig(bot(self.came))
        self.replies: list[Any] = []
        self.errors: list[DialtoneError] = []
        self._last: Any = None

    async def send(self, request: Json | str) -> None:
        number = f"m{len(self.replies)}"
        kind = "application/json"
        if isinstance(request, str):
            body = conversation()
        else:
            outcome = request.get("operationOutcome")
            given = {name: value for name, value in (outcome or {}).items() if name != "id"}
            body = result(self._last, given, state=request.get("callState", "established"))
            if outcome is None:
                body = json.dumps({n: v for n, v in json.loads(body).items() if n != "operationOutcome"}).encode()
            elif given["type"] == "recordOutcome" and given["outcome"] == "success":
                body, kind = with_audio(body, b"sound")
        try:
            reply = await self.rig.post(body, message_id=number, content_type=kind)
        except DialtoneError as refusal:
            self.errors.append(refusal)
            self.replies.append(refusal.http_status)
            return
        self._last = reply if reply.body else self._last
        self.replies.append(reply)

    def actions(self, number: int) -> list[Json]:
        reply = self.replies[number]
        found: list[Json] = json.loads(reply.body)["actions"] if reply.body else []
        return found

    def brief(self) -> Replies:
        """All replies in a few words."""
        return [
            reply if isinstance(reply, int) else [brief(action) for action in self.actions(number)]
            for number, reply in enumerate(self.replies)
        ]


async def rung(bot: Bot, requests: list[Any]) -> Rung:
    call = Rung(bot)
    for request in requests:
        await call.send(request)
    return call


def has(found: Any, expected: Any) -> bool:
    """Whether what was found has all that is expected."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(has(found.get(name), value) for name, value in expected.items())
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(has, found, expected))
    return bool(found == expected)


def is_as_expected(call: Rung, number: int, expect: Json) -> bool:
    reply = call.replies[number]
    if isinstance(reply, int):
        return False
    actions = call.actions(number)
    first = actions[0] if actions else {}
    texts = [prompt["value"] for prompt in first.get("prompts", ())]
    question = (actions[-1] if actions else {}).get("playPrompt", {}).get("prompts", [{}])[0].get("value")
    came: Json = dict(call.came[-1]) if call.came else {}
    if "len" in expect.get("result", {}):
        came["len"] = came.pop("response", None)
    if isinstance(came.get("response"), dict) and "id" in came["response"]:
        came["response"] = came["response"] | {"id": "$lastOperationId"}
    found = {
        "status": reply.status,
        "actions": actions,
        "actionNames": [action["action"] for action in actions],
        "body": reply.body.decode(),
        "firstText": texts[0] if texts else None,
        "firstQuestion": question,
        "result": came,
    }
    same = {name: found[name] == value for name, value in expect.items() if name != "actions"}
    return all(same.values()) and has(actions, expect.get("actions", actions))


@pytest.mark.parametrize("number", VECTORS)
async def test_vector(number: str) -> None:
    case = VECTORS[number]
    call = await rung(BOTS[number], case["input"]["requests"])
    expected = case["expect"]["replies"]
    as_it_is = [is_as_expected(call, index, expect) for index, expect in enumerate(expected)]
    if number in DIFFERENT:
        assert not all(as_it_is), "it is not different: leave it out of DIFFERENT"
        assert call.brief() == DIFFERENT[number].replies
    else:
        assert all(as_it_is), (call.brief(), call.came)
    assert len(call.replies) == len(expected)


def test_every_vector_has_a_bot() -> None:
    assert BOTS.keys() == VECTORS.keys()
    assert len(VECTORS) == 31
    assert DIFFERENT.keys() < VECTORS.keys()
    assert all(different.reason for different in DIFFERENT.values())


@dataclass(frozen=True)
class Stated:
    """What a bot of ours does where the SDK was measured; `differs` is why, if that is not what the SDK does."""

    bot: Bot
    requests: list[Any]
    replies: Replies
    came: Json | None = None
    differs: str = ""


def call_of(outcome: Json, state: str = "established") -> list[Any]:
    return ["Conversation", {"operationOutcome": {"outcome": "success"} | outcome, "callState": state}]


def again(notice: str, question: str) -> list[str]:
    return [f'say "{notice}"', question]


async def hangs_up(call: Call) -> None:
    call.hang_up()


async def rejects_and_speaks(call: Call) -> None:
    call.reject()
    call.say("x")


async def begins_nothing(call: Call) -> None:
    await call.begin("/nowhere")


async def begins_afresh(call: Call) -> None:
    if not await call.confirm("Right?"):
        call.say("Again.")
        call.replace("/")


async def does_nothing(call: Call) -> None:
    pass


async def asks_and_ends(call: Call) -> None:
    await call.confirm("Right?")
    call.end_conversation()


async def speaks_and_asks(call: Call) -> None:
    call.say("Hello.")
    await call.confirm("Right?")


async def says_a_percentage(call: Call) -> None:
    call.say("100% sure")


async def asks_twice(call: Call) -> list[Any]:
    return [await call.confirm("Right?"), await call.digits("Pin?", maximum=1, stop_tones="")]


async def performs_a_reject(call: Call) -> Json:
    return (await call.perform(Reject(operation_id="0"))).to_wire()


async def plays_what_is_not_there(call: Call) -> Any:
    call.play("https://contoso.com/jingle.wav")
    try:
        return await call.confirm("Right?")
    except ActionFailed as failure:
        return [failure.action, failure.reason]


def without_steps(came: Came) -> CallBot:
    bot = CallBot()
    bot.dialog("/", [])
    return bot


def never_proceeding(came: Came) -> CallBot:
    bot = saying("Hello.")(came)

    @bot.around
    async def swallow(call: Call, proceed: Callable[[], Awaitable[None]]) -> None:
        """Neither proceeds nor says a word."""

    return bot


def closed(came: Came) -> CallBot:
    bot = saying("Hello.")(came)

    @bot.around
    async def close(call: Call, proceed: Callable[[], Awaitable[None]]) -> None:
        call.end_conversation("We are closed.")

    return bot


def looking_up(error: Exception | None = None) -> Bot:
    def make(came: Came) -> CallBot:
        bot = CallBot()

        @bot.lookup_user
        async def find(caller: Participant | None) -> User:
            if error is not None:
                raise error
            return User("customer-7", "Ms Nora")

        @bot.incoming
        async def dialog(call: Call) -> None:
            (await call.user_data())["seen"] = True
            call.say(call.user.identity, call.user.name)

        return bot

    return make


def ending(**result: Any) -> Bot:
    """A bot whose dialog begins one that ends like this, and notes what came of it."""

    def make(came: Came) -> CallBot:
        bot = CallBot()

        @bot.dialog("/child")
        async def child(call: Call) -> None:
            call.end(**result)

        @bot.incoming
        async def dialog(call: Call) -> None:
            came[:] = [told(await call.begin("/child"))]

        return bot

    return make


QUESTION = ["answer", CONFIRM]
PIN = 'ask "Pin?"'
SPEAK = 'record "Speak."'
ENDED = ["hangup"]
NOTHING = "I couldn't hear anything."
WRONG_KEY = "That's an invalid option."
NOT_UNDERSTOOD = "I'm sorry. I didn't understand."
TOO_LONG = "I'm sorry. Your message was too long."
PROBLEM = "I'm sorry. There was a problem with your recording."
SILENT = call_of(unheard("initialSilenceTimeout"))
IN_GERMAN = {NOTHING: "Ich habe nichts gehört.", "Right?": "Stimmt das?", "yes": "ja"}

STATED: dict[str, Stated] = {
    "3.2.2 a question leaves at once": Stated(
        root(speaks_and_asks), ["Conversation"], [["answer", 'say "Hello."', CONFIRM]]
    ),
    "3.2.3 a dialog that does nothing": Stated(
        root(does_nothing), ["Conversation"], [["reject"]], differs="the SDK never replies, and the request hangs"
    ),
    "3.2.3 a middleware that goes no further": Stated(
        never_proceeding, ["Conversation"], [["reject"]], differs="the SDK never replies, and the request hangs"
    ),
    "3.3.2 the end in a later turn": Stated(root(asks_and_ends), call_of(heard("yes")), [QUESTION, ENDED]),
    "3.3.3 a text after a reject": Stated(
        root(rejects_and_speaks),
        ["Conversation"],
        [["answer", APOLOGY, "hangup"]],
        differs="the platform refuses what the SDK sends: it is the author's error",
    ),
    "3.3.4 a hang-up alone": Stated(root(hangs_up), ["Conversation"], [ENDED]),
    "3.3.5 a prompt that could not be played": Stated(
        asking(plays_what_is_not_there),
        call_of(PLAYED | {"outcome": "failure", "failureReason": "no such file"}),
        [["answer", 'say "https://contoso.com/jingle.wav"', CONFIRM], ENDED],
        {"resumed": 0, "response": ["playPromptOutcome", "no such file"]},
        differs="a failure is one: the SDK goes on as if the prompt had been heard",
    ),
    "3.3.5 a workflow that was refused": Stated(
        confirming(),
        call_of(MISSPELT),
        [QUESTION, ["answer", APOLOGY, "hangup"]],
        differs="none of its actions was run, so the call is not answered; the SDK goes on",
    ),
    "3.3.7 a callback after the end": Stated(
        root(says_goodbye),
        call_of({"type": "hangupOutcome"}),
        [["answer", 'say "goodbye"', "hangup"], []],
        differs="the SDK begins the root dialog on the dead call",
    ),
    "3.4.1 retries are 2": Stated(
        confirming(),
        [*SILENT, *SILENT[1:], *SILENT[1:]],
        [QUESTION, again(NOTHING, CONFIRM), again(NOTHING, CONFIRM), ENDED],
        {"resumed": 1},
    ),
    "3.4.1 an action is not tried again": Stated(
        asking(performs_a_reject),
        call_of({"type": "rejectOutcome", "outcome": "failure"}),
        [["reject"], ENDED],
        {"resumed": 0, "response": {"type": "rejectOutcome", "id": "0-0", "outcome": "failure"}},
    ),
    "3.4.3 a recording too long": Stated(
        recording(),
        call_of(recorded("maxRecordingTimeout", 0)),
        [["answer", SPEAK], again(TOO_LONG, SPEAK)],
    ),
    "3.4.3 a recording of the longest duration": Stated(
        recording(),
        call_of(recorded("maxRecordingTimeout")),
        [["answer", SPEAK], ENDED],
        {"resumed": 0, "response": 3.5},
        differs="the platform calls it a success and sends the sound; the SDK throws it away and asks again",
    ),
    "3.4.3 a recording that went wrong": Stated(
        recording(), call_of(recorded("unknown", 0)), [["answer", SPEAK], again(PROBLEM, SPEAK)]
    ),
    "3.4.3 a notice in the caller's language": Stated(
        asking(lambda call: call.confirm("Right?"), localize=lambda language, text: IN_GERMAN.get(text)),
        SILENT,
        [
            ["answer", 'ask "Stimmt das?" yes=1,ja,yep,sure,ok,true no=2,no,nope,not,false'],
            again("Ich habe nichts gehört.", 'ask "Stimmt das?" yes=1,ja,yep,sure,ok,true no=2,no,nope,not,false'),
        ],
    ),
    "3.4.4 other words for yes and no": Stated(
        confirming(choices={"yes": ("5", "aye"), "no": ("6", "nay")}),
        call_of(heard("yes")),
        [["answer", 'ask "Right?" yes=5,aye no=6,nay'], ENDED],
        {"resumed": 0, "response": True},
    ),
    "3.4.5 a choice": Stated(
        asking(lambda call: call.choose("Which?", {"lamp": "1", "chair": "2"})),
        call_of(heard("chair")),
        [["answer", 'ask "Which?" lamp=1 chair=2'], ENDED],
        {"resumed": 0, "response": "chair"},
        differs="it is the name: the platform reports no score, and the SDK's is always 1",
    ),
    "3.4.5 digits that ended with a pause": Stated(
        digits(stop_tones=""),
        call_of(typed("12", "interdigitTimeout")),
        [["answer", PIN], ENDED],
        {"resumed": 0, "response": "12"},
    ),
    "3.4.5 digits that ended with a pause where a stop tone was asked for": Stated(
        digits(stop_tones="#"),
        call_of(typed("1234", "interdigitTimeout")),
        [["answer", PIN], ENDED],
        {"resumed": 0, "response": "1234"},
        differs="the platform calls it a success, and has no other reason for the last of so many digits",
    ),
    "3.4.6 the caller left while recording": Stated(
        recording(),
        call_of(recorded("callTerminated", 0)),
        [["answer", SPEAK], []],
        differs="nothing is sent to a call that is over; the SDK sends a hang-up",
    ),
    "3.4.6 a failure of the platform": Stated(
        confirming(),
        call_of(unheard("temporarySystemFailure")),
        [QUESTION, ENDED],
        {"resumed": 1},
    ),
    "3.4.6 a failure of the platform while recording": Stated(
        recording(),
        call_of(recorded("temporarySystemFailure", 0)),
        [["answer", SPEAK], ENDED],
        {"resumed": 1},
    ),
    "3.4.9 two questions in a step": Stated(
        asking(asks_twice),
        [*call_of(heard("no")), call_of(typed("4", "interdigitTimeout"))[1]],
        [QUESTION, [PIN], ENDED],
        {"resumed": 0, "response": [False, "4"]},
        differs="each is asked and answered; the SDK sends only the first",
    ),
    "3.5.2 without steps": Stated(without_steps, ["Conversation"], [["reject"]]),
    "3.5.3 the end without a response": Stated(
        ending(),
        ["Conversation"],
        [["reject"]],
        {"resumed": 0, "childId": "*:/child"},
        differs="nothing is nothing: the SDK's response is true",
    ),
    "3.5.3 the end with a reason": Stated(
        ending(response=5, resumed=ResumeReason.NOT_COMPLETED),
        ["Conversation"],
        [["reject"]],
        {"resumed": 1, "response": 5, "childId": "*:/child"},
    ),
    "3.5.5 beginning afresh": Stated(root(begins_afresh), call_of(heard("no")), [QUESTION, ['say "Again."', CONFIRM]]),
    "3.5.4 a dialog that is not there": Stated(root(begins_nothing), ["Conversation"], [["answer", APOLOGY, "hangup"]]),
    "3.6 an error": Stated(root(fails), ["Conversation"], [["answer", 'say "before"', APOLOGY, "hangup"]]),
    "3.6 a user who cannot be looked up": Stated(
        looking_up(LookupError("8:nora")),
        ["Conversation"],
        [["answer", APOLOGY, "hangup"]],
        differs="the caller hears why; the SDK replies 500, and the platform gives up in silence",
    ),
    "3.6 a look-up that may go well the next time": Stated(
        looking_up(DependencyError("the directory is away")),
        ["Conversation"],
        [503],
        differs="the platform tries again after 503; the SDK replies 500",
    ),
    "3.7 a middleware that ends the call": Stated(
        closed, ["Conversation"], [["answer", 'say "We are closed."', "hangup"]]
    ),
    "3.7 a user that was looked up": Stated(
        looking_up(), ["Conversation"], [["answer", 'say "customer-7" "Ms Nora"', "hangup"]]
    ),
    "3.9 a text that looks like a format": Stated(
        root(says_a_percentage), ["Conversation"], [["answer", 'say "100% sure"', "hangup"]]
    ),
}
for _reason, _notice in {
    "initialSilenceTimeout": NOTHING,
    "incorrectDtmf": WRONG_KEY,
    "interdigitTimeout": NOT_UNDERSTOOD,
    "unknown": NOT_UNDERSTOOD,
    "": NOT_UNDERSTOOD,
}.items():
    STATED[f"3.4.3 the notice after {_reason or 'no reason'}"] = Stated(
        confirming(), call_of(unheard(_reason)), [QUESTION, again(_notice, CONFIRM)]
    )


@pytest.mark.parametrize("statement", STATED)
async def test_statement(statement: str) -> None:
    stated = STATED[statement]
    call = await rung(stated.bot, stated.requests)
    assert call.brief() == stated.replies
    assert call.came == ([stated.came] if stated.came is not None else [])


async def test_3_1_1_a_callback_whose_state_is_not_ours() -> None:
    """The SDK replies 403, or 500 for a notification of the roster."""
    call = await rung(confirming(), ["Conversation"])
    for state in (None, "theirs"):
        body = json.loads(result(call.replies[0], heard("yes"))) | {"appState": state}
        body = {name: value for name, value in body.items() if value is not None}
        with pytest.raises(DialtoneError) as refused:
            await call.rig.post(json.dumps(body).encode(), message_id=f"m-{state}")
        assert refused.value.http_status == 400


async def test_3_1_3_a_large_group_fits_into_the_state_of_a_call() -> None:
    """The SDK's grows over the platform's limit with the sixth participant."""
    identities = ["28:bot", *(f"8:live:somebody.with.a.name.of.real.length.{number}" for number in range(20))]
    members = [{"identity": each, "originator": each == identities[1]} for each in identities]
    rig = Rig(confirming()([]))
    reply = await rig.post(conversation(participants=members, isMultiparty=True, threadId="19:team"), message_id="m0")
    assert len(json.loads(reply.body)["appState"]) <= 1024


async def test_3_1_4_a_request_that_comes_again_is_replied_to_again() -> None:
    """The SDK's first request is never answered then."""
    call = await rung(confirming(), call_of(heard("yes")))
    body = result(call.replies[0], heard("yes"))
    assert await call.rig.post(body, message_id="m1") == call.replies[1]


async def test_3_4_2_an_operation_has_an_id_of_its_own() -> None:
    """The SDK asks again under the same id, by which two outcomes cannot be told apart."""
    call = await rung(confirming(), SILENT)
    ids = [action["operationId"] for number in (0, 1) for action in call.actions(number)]
    assert len(set(ids)) == len(ids) == 4


async def test_3_4_7_options_are_sent_and_nought_is_one() -> None:
    """The SDK's setters drop a silence of 0 seconds."""
    call = await rung(recording(max_silence=0, initial_silence=7, format="mp3", beep=False), ["Conversation"])
    assert has(
        call.actions(0)[-1],
        {
            "maxSilenceTimeoutInSeconds": 0,
            "initialSilenceTimeoutInSeconds": 7,
            "recordingFormat": "mp3",
            "playBeep": False,
        },
    )
    call = await rung(confirming(barge_in=False, initial_silence=9), ["Conversation"])
    assert has(call.actions(0)[-1], {"bargeInAllowed": False, "initialSilenceTimeoutInSeconds": 9})


async def test_3_4_8_defaults_hold_where_a_question_says_nothing() -> None:
    defaults = Defaults(initial_silence=9, interdigit=2, max_seconds=30, retries=0)
    asked = asking(lambda call: call.digits("Pin?", maximum=4, initial_silence=3), defaults=defaults)
    call = await rung(asked, call_of(unheard("initialSilenceTimeout")))
    assert has(call.actions(0)[-1], {"initialSilenceTimeoutInSeconds": 3, "interdigitTimeoutInSeconds": 2})
    assert call.brief()[1] == ENDED
    made = asking(lambda call: call.record("Speak."), defaults=defaults)
    record = (await rung(made, ["Conversation"])).actions(0)[-1]
    assert has(record, {"initialSilenceTimeoutInSeconds": 9, "maxDurationInSeconds": 30})


def test_3_5_1_resume_reasons() -> None:
    assert {reason.name: reason.value for reason in ResumeReason} == {
        "COMPLETED": 0,
        "NOT_COMPLETED": 1,
        "CANCELED": 2,
        "FORWARD": 3,
        "BACK": 4,
    }


def test_3_5_4_a_name_twice() -> None:
    bot = saying("Hello.")([])
    with pytest.raises(DialtoneError, match="two dialogs named '/'"):
        bot.incoming(does_nothing)


async def test_3_7_the_order_of_what_is_around_a_turn() -> None:
    seen: list[str] = []
    bot = CallBot()

    @bot.lookup_user
    async def find(caller: Participant | None) -> None:
        seen.append("lookup_user")

    @bot.receive
    async def receive(event: Any) -> None:
        seen.append("receive")
        raise LookupError("passed over")

    @bot.around
    async def around(call: Call, proceed: Callable[[], Awaitable[None]]) -> None:
        # Until the user is known the dialog does not begin; nor is it run again while nothing is asked.
        seen.append("around")
        await proceed()
        seen.append("after it")

    @bot.send
    async def send(call_id: str, actions: list[Any]) -> list[Any]:
        seen.append("send")
        return actions

    @bot.incoming
    async def dialog(call: Call) -> None:
        seen.append("dialog")
        call.say("Hello.")

    call = await rung(lambda came: bot, ["Conversation"])
    assert seen == ["receive", "lookup_user", "around", "dialog", "after it", "send"]
    assert call.brief() == [["answer", 'say "Hello."', "hangup"]]


async def test_3_8_what_is_kept_after_a_call() -> None:
    """All but the private data, as the SDK does; conversation data is always kept, and the SDK keeps it if told to."""
    seen: list[Json] = []
    bot = CallBot()

    @bot.incoming
    async def dialog(call: Call) -> None:
        bags = {
            "user": await call.user_data(),
            "private": await call.private_data(),
            "conversation": await call.conversation_data(),
        }
        seen.append({name: dict(bag) for name, bag in bags.items()})
        for bag in bags.values():
            bag["seen"] = True

    rig = Rig(bot)
    thread = {"threadId": "19:team", "isMultiparty": True}
    for number in ("call-1", "call-2"):
        await rig.post(conversation(number, **thread), message_id=number)
    empty: Json = {"user": {}, "private": {}, "conversation": {}}
    assert seen == [empty, empty | {"user": {"seen": True}, "conversation": {"seen": True}}]


STATEMENTS = {
    "3.1": 6,
    "3.2": 3,
    "3.3": 7,
    "3.4": 9,
    "3.5": 6,
    "3.6": 0,
    "3.7": 0,
    "3.8": 0,
    "3.9": 0,
}
"""Sections of what is known of the SDK, and how many numbered statements each has."""

OTHERWISE = {
    "3.1.2": "K13",
    "3.1.5": "nothing of ours sends after the reply: a turn is one reply",
    "3.1.6": "how a web framework hands over a body it has read; ours is handed the body by Azure Functions",
    "3.2.1": "K09",
    "3.3.1": "K01",
    "3.3.6": "K12",
    "3.5.6": "what the calling SDK does not have",
}
"""Statements without a test here: the vector that is about them, or why there is nothing to test."""


def test_every_statement_is_tested_or_says_why_not() -> None:
    numbers = {f"{section}.{number + 1}" for section, count in STATEMENTS.items() for number in range(count)}
    numbers |= {section for section, count in STATEMENTS.items() if not count}
    functions = [".".join(name.split("_")[1:4]) for name in globals() if name.startswith("test_3_")]
    tested = {name.split()[0] for name in STATED} | {
        number if number in numbers else number.rpartition(".")[0] for number in functions
    }
    assert tested | OTHERWISE.keys() == numbers
    assert not tested & OTHERWISE.keys()
    assert all(reason in VECTORS or " " in reason for reason in OTHERWISE.values())
