"""What a turn costs, without storage and HTTP: parse, read the appState, run the dialog, render the workflow."""

import json
from time import perf_counter

from bench.table import Figure, show
from dialtone import Call, CallBot, Prompt
from dialtone.appstate import AppStateCodec
from dialtone.channels import skype
from dialtone.dialogs import Event, History, take_turn
from dialtone.protocol import Conversation, RosterUpdate

ROUNDS = 7
TURNS_A_ROUND = 300
CODEC = AppStateCodec([b"k" * 32])
CALLBACK = "https://bot.test/api/calls"
CALL = "8f3a2c1e-0000-4000-8000-000000000001"

bot = CallBot()


@bot.incoming
async def menu(call: Call) -> None:
    for number in range(30):
        call.say(f"This is question {number}.")
        await call.choose(Prompt(f"menu-{number}", "Press 1 or 2."), {"a": ("1", "first"), "b": ("2", "second")})


CONVERSATION = {
    "id": CALL,
    "participants": [
        {"identity": "8:nora", "displayName": "Nora", "languageId": "en", "originator": True},
        {"identity": "28:b0100000-1d00-aaaa-bbbb-cccccccccccc", "originator": False},
    ],
    "presentedModalityTypes": ["audio"],
    "callState": "incoming",
}
CHOICE = {"completionReason": "dtmfOptionMatched", "choiceName": "a"}


def _answer(body: bytes) -> bytes:
    """All of a turn; the reply's bytes."""
    incoming = skype.parse({"content-type": "application/json"}, body)
    message = incoming.message
    assert not isinstance(message, RosterUpdate)
    before = None
    if not isinstance(message, Conversation):
        state = CODEC.decode(message.id, message.app_state)
        assert state.history is not None
        before = History.from_json(state.history, call_id=message.id, sequence=state.sequence)
    history = (turn := take_turn(bot, before, Event(message, 1.7e9))).history
    state_text = CODEC.encode(history.facts.call_id, history.sequence, history.to_json())
    return skype.render(turn.actions, callback=CALLBACK, app_state=state_text)


def _callback(reply: bytes) -> bytes:
    """The caller presses 1."""
    workflow = json.loads(reply)
    outcome = {"type": "recognizeOutcome", "id": workflow["actions"][-1]["operationId"], "outcome": "success"}
    result = {"id": CALL, "callState": "established", "appState": workflow["appState"]}
    return json.dumps(result | {"operationOutcome": outcome | {"choiceOutcome": CHOICE}}).encode()


def run() -> None:
    """Print the table."""
    rows = []
    body = json.dumps(CONVERSATION).encode()
    for turns in range(21):
        if turns in (0, 1, 5, 20):
            rounds = []
            for _ in range(ROUNDS):
                began = perf_counter()
                for _ in range(TURNS_A_ROUND):
                    _answer(body)
                rounds.append((perf_counter() - began) / TURNS_A_ROUND * 1e6)
            state = len(json.loads(_answer(body))["appState"])
            rows.append([f"{turns} turns", str(Figure(rounds)), f"{min(rounds):,.0f}", str(state)])
        body = _callback(_answer(body))
    note = "One core; parse + appState + replay + render + sign. Aim: 150 µs at 5 turns."
    show("A turn", ["history", "µs, median (range)", "µs, best", "appState, characters"], rows, note)
