"""The vectors of the Graph contract: `cases/acs_teams.json`, the areas `graph.*` and `prompt.format`.

A vector is checked here, or in a module of this folder that ELSEWHERE names. None is left out.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dialtone.channels import teams
from dialtone.channels.stepper import Finished, after
from dialtone.channels.teams import Notice
from dialtone.channels.teams_commands import PROMPTS_MAX, answer, media_prompt, path_of, redirect
from dialtone.channels.teams_meetings import Coordinates, read_link
from dialtone.channels.teams_outcomes import of_notice
from dialtone.channels.teams_steps import steps_of
from dialtone.protocol import CallState, Hangup, Participant, PlayPrompt, Prompt, Record, Transfer
from tests.channels.teams_rig import SETUP

Json = dict[str, Any]
CASES: list[Json] = [
    case
    for case in json.loads((Path(__file__).parent / "cases" / "acs_teams.json").read_text(encoding="utf-8"))
    if case["area"].startswith(("graph.", "prompt."))
]

ELSEWHERE = {
    "graph.webhook.jwt": "test_graph_jwt.py",
    "graph.rest.keepalive": "test_graph_sdk.py",
    "graph.sdk.localhost": "test_graph_sdk.py",
    "prompt.format": "test_graph_sdk.py",
}
"""Areas that another module of this folder checks, and which."""


def read(document: Json) -> list[Notice]:
    notices, unreadable = teams.parse(json.dumps(document).encode())
    assert not unreadable
    return notices


def gr_001(given: Json, expect: Json) -> None:
    """functions/calls.py answers what is no notification with 204."""
    assert not teams.is_notification(json.dumps(given["body"]).encode())
    assert expect["status"] == 204


def gr_002(given: Json, expect: Json) -> None:
    (notice,) = read(given)
    assert notice.is_incoming
    conversation = notice.conversation
    assert conversation.caller is not None
    assert (conversation.caller.identity, conversation.caller.display_name) == (f"8:orgid:{expect['caller']}", "Ada")
    assert conversation.bot is not None
    assert conversation.bot.identity == "28:app1"
    assert expect["answer_deadline_s"] == teams.ANSWER_WITHIN_S


def gr_003(given: Json, expect: Json) -> None:
    assert [notice.state for notice in read(given)] == [expect["final_state"]]


def gr_006(given: Json, expect: Json) -> None:
    (notice,) = read(given)
    assert notice.tone == (expect["seq"], expect["char"])


def gr_007(given: Json, expect: Json) -> None:
    (notice,) = read(given)
    assert (notice.kind, notice.status, notice.context) == ("playPromptOperation", "completed", expect["context"])
    steps = steps_of([PlayPrompt(operation_id="p", prompts=[Prompt(value="Hi")])], 1, SETUP)
    found = of_notice(steps, 0, notice, {}, "")
    assert found is not None
    assert found.outcome.succeeded


def gr_008(given: Json, expect: Json) -> None:
    """The turn fetches the sound with the token of its operation; tests/functions/test_teams.py sees it do so."""
    (notice,) = read(given)
    assert (notice.kind, f"Bearer {notice.data['recordingAccessToken']}") == (
        "recordOperation",
        expect["download_auth"],
    )
    steps = steps_of([Record(operation_id="r", stop_tones=["#"])], 1, SETUP)
    found = of_notice(steps, 1, notice, {}, "")
    assert found is not None
    assert found.kept["reason"] == "completedStopToneDetected"


def _transfer(documents: list[Json]) -> Finished | None:
    steps = steps_of([Transfer(operation_id="t", target=Participant(identity="8:orgid:u", originator=False))], 1, SETUP)
    for notice in (each for document in documents for each in read(document)):
        found = of_notice(steps, 0, notice, {}, "")
        if found is not None:
            done = after("g1", steps, 0, found, {})
            assert isinstance(done, Finished)
            return done
    return None


def gr_010(given: Any, expect: Json) -> None:
    done = _transfer(given)
    assert done is not None
    assert not done.result.operation_outcome.succeeded
    assert (done.result.call_state is CallState.ESTABLISHED) == expect["call_continues"]


def gr_011(given: Any, expect: Json) -> None:
    done = _transfer(given)
    assert done is not None
    assert (done.result.operation_outcome.succeeded, done.result.call_state) == (True, CallState.TERMINATED)


def gr_012(given: Json, expect: Json) -> None:
    (notice,) = read(given)
    assert (notice.call_id, notice.state) == (expect["call"], "established")


def gq_001(given: Json, expect: Json) -> None:
    body = given["json"]
    media = body["mediaConfig"]["preFetchMedia"][0]
    file = media_prompt(media["uri"], media["uri"])
    made = answer(SETUP, [file])
    assert set(made) == set(body)
    assert made["mediaConfig"]["@odata.type"] == body["mediaConfig"]["@odata.type"]
    assert made["mediaConfig"]["preFetchMedia"][0]["uri"] == media["uri"]
    assert path_of("answer", call="g1") == given["POST"]


def gq_004(given: Json, expect: Json) -> None:
    assert expect["limit"] == PROMPTS_MAX
    prompts = [Prompt(value=str(number)) for number in range(given["prompts"])]
    steps = steps_of([PlayPrompt(operation_id="p", prompts=prompts)], 1, SETUP)
    assert all(len((step.body or {})["prompts"]) <= PROMPTS_MAX for step in steps)


def gq_007(given: Json, expect: Json) -> None:
    with pytest.raises(ValueError, match=f"{expect['limit'][0]} to {expect['limit'][1]}"):
        redirect(["8:orgid:u"], given["timeout"])


def gq_009(given: Json, expect: Json) -> None:
    """Media that the app hosts is in no command of this channel."""
    made = json.dumps(answer(SETUP, []))
    assert "serviceHostedMediaConfig" in made
    assert "appHosted" not in made
    assert steps_of([Hangup(operation_id="h")], 1, SETUP)[0].body is None


def gm_001(given: Json, expect: Json) -> None:
    where = read_link(given["url"])
    assert where == Coordinates(expect["threadId"], expect["messageId"], expect["tenantId"], expect["organizerId"])


CHECKS: dict[str, Callable[[Any, Json], None]] = {
    name.replace("_", "-"): check
    for name, check in globals().items()
    if name[:2] in ("gr", "gq", "gm") and callable(check)
}


@pytest.mark.parametrize("case", [case for case in CASES if case["area"] not in ELSEWHERE], ids=lambda case: case["id"])
def test_vector(case: Json) -> None:
    CHECKS[case["id"]](case["input"], case["expect"])


def test_no_vector_is_left_out() -> None:
    here = {case["id"] for case in CASES if case["area"] not in ELSEWHERE}
    assert here == set(CHECKS)
