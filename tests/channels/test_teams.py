import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialtone.channels import teams
from dialtone.channels.teams import Member, Notice
from dialtone.channels.teams_commands import Setup
from dialtone.channels.teams_meetings import (
    Coordinates,
    MeetingId,
    coordinates_of,
    filter_of,
    join,
    link_of,
    meeting_in,
    read_link,
)
from dialtone.errors import BadMessage, BotError
from dialtone.protocol import Meeting
from tests.channels.teams_rig import SETUP, notice

LINK = (
    "https://teams.microsoft.com/l/meetup-join/19%3ameeting_A%40thread.v2/0"
    "?context=%7b%22Tid%22%3a%22t%22%2c%22Oid%22%3a%22o%22%7d"
)
MEMBERS = st.sampled_from(
    "value resourceUrl resourceData changeType state toneInfo source identity user id resultInfo".split()  # noqa: SIM905
)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just("/communications/calls/g1"),
    lambda inner: st.lists(inner) | st.dictionaries(MEMBERS, inner),
    max_leaves=20,
)


def document(*values: Any) -> bytes:
    return json.dumps({"@odata.type": "#microsoft.graph.commsNotifications", "value": list(values)}).encode()


def value(data: Any, change: str = "updated", part: str = "", call: str = "g1") -> dict[str, Any]:
    return {"changeType": change, "resourceUrl": f"/communications/calls/{call}{part}", "resourceData": data}


def participant(number: str, user: str, roster: int = 1, **more: Any) -> dict[str, Any]:
    info = {"identity": {"user": {"id": user, "displayName": user.title()}}}
    return {"id": number, "info": info, "rosterSequenceNumber": roster, **more}


def read(*values: Any) -> list[Notice]:
    return teams.parse(document(*values))[0]


def test_the_roster_is_an_array_and_the_newest_of_a_document_counts() -> None:
    old = value([participant("p1", "ada", 1)], part="/participants")
    members = [participant("p1", "ada", 2, isMuted=True), participant("p2", "bob", 3, isInLobby=True)]
    new = value(members, part="/participants")
    (found,) = read(new, old)
    assert found.members == (
        Member("p1", "8:orgid:ada", "Ada", is_muted=True),
        Member("p2", "8:orgid:bob", "Bob", in_lobby=True),
    )


def test_tones_go_by_their_number_and_the_end_comes_last() -> None:
    def tone(number: int, name: str) -> dict[str, Any]:
        return value({"toneInfo": {"sequenceId": number, "tone": name}})

    ended = value({"state": "terminated"}, "deleted")
    found = read(tone(3, "pound"), ended, tone(1, "tone7"), tone(2, "a"), tone(4, "flash"))
    assert [each.tone for each in found if each.tone] == [(1, "7"), (2, "A"), (3, "#")]
    assert found[-1].ends


@pytest.mark.parametrize("code", [{"subcode": 8508}, {"subCode": "8508"}, {"subCode": 8508, "code": "400"}])
def test_a_sub_code_is_read_however_it_is_written(code: dict[str, Any]) -> None:
    told = {"code": 400} | code
    found = notice("deleted", "/operations/o1", kind="playPromptOperation", status="failed", resultInfo=told)
    assert found.result is not None
    assert (found.result.code, found.result.sub_code) == (400, 8508)


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ({"resourceUrl": "communications/calls/g1"}, {}),
        ({"resourceUrl": "https://graph.microsoft.com/v1.0/Communications/Calls/g1"}, {}),
        ({"changeType": "Updated"}, {}),
        ({"resourceData": [{"state": "established"}]}, {}),
        ({"resourceData": {"toneInfo": {"sequenceId": "1", "tone": "Star"}}}, {"tone": (1, "*"), "state": ""}),
        ({"changeType": "deleted", "resourceData": None}, {"state": "terminated", "change": "deleted"}),
        (
            {"resourceUrl": "/communications/calls/g1/Participants", "resourceData": {"id": "p", "info": {}}},
            {"about": "participants", "state": "", "members": (Member("p", "8:unknown:"),)},
        ),
    ],
)
def test_the_same_is_read_however_it_is_written(written: dict[str, Any], same: dict[str, Any]) -> None:
    (found,) = read(value({"state": "established"}) | {"resourceUrl": "/communications/calls/g1"} | written)
    plain = {"about": "call", "change": "updated", "call_id": "g1", "state": "established", "members": (), "tone": None}
    assert {name: getattr(found, name) for name in plain} == plain | same


def test_a_participant_alone_is_no_roster() -> None:
    found, unreadable = teams.parse(document(value({"id": "p", "info": {}}, part="/participants/p")))
    assert (found, len(unreadable)) == ([], 1)


def test_a_repetition_has_the_same_id_and_is_read_once() -> None:
    same = value({"state": "established"})
    (one,) = read(same, dict(same))
    assert one.id == read(same)[0].id != read(value({"state": "establishing"}))[0].id


def test_one_that_cannot_be_read_spoils_no_other() -> None:
    good = value({"state": "established"})
    strange = {"resourceUrl": "/communications/other/1"}
    body = document("x", {}, value([], ""), value({}, part="/participants"), strange, good)
    found, unreadable = teams.parse(body)
    assert [each.state for each in found] == ["established"]
    assert len(unreadable) == 5


def test_a_change_that_nobody_knows_and_content_sharing_are_taken() -> None:
    shared, changed = read(
        value([{"id": "s"}], part="/contentSharingSessions"), value({"state": "established"}, "moved")
    )
    assert (shared.about, changed.change) == ("other", "other")


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'"x"', b'{"value": 1}', b"[" * 100_000])
def test_what_is_no_document_is_refused(body: bytes) -> None:
    with pytest.raises(BadMessage):
        teams.parse(body)


@given(ANY)
def test_any_document_is_read_or_refused(data: Any) -> None:
    try:
        found, _ = teams.parse(json.dumps({"value": data}).encode())
    except BadMessage:
        return
    for each in found:
        assert each.state is not None
        assert each.result is None or isinstance(each.result.code, int)
        if each.is_incoming:
            assert each.conversation.id == each.call_id


@pytest.mark.parametrize(
    ("identities", "identity"),
    [
        ({"user": {"id": "u"}}, "8:orgid:u"),
        ({"user": None, "phone": {"id": "+15550100"}}, "4:+15550100"),
        ({"application": {"id": "app"}}, "28:app"),
        ({"applicationInstance": {"id": "i"}}, "28:orgid:i"),
        ({"guest": {"id": "g"}}, "8:teamsvisitor:g"),
        ({"encrypted": {"id": "e"}}, "8:encrypted:e"),
        ({"acsUser": {"id": "8:acs:a_b"}}, "8:acs:a_b"),
        ({"strange": {"id": "s"}}, "8:unknown:"),
        (None, "8:unknown:"),
    ],
)
def test_identities_are_those_of_the_other_channel(identities: Any, identity: str) -> None:
    assert teams.identity_of(identities) == identity
    if teams.has_identity_set(identity):
        assert teams.identity_of(teams.identity_set(identity)) == identity


def test_a_meetings_call_is_a_group_call_and_one_of_two_is_none() -> None:
    data = {
        "state": "incoming",
        "source": {"identity": {"user": {"id": "u"}}, "languageId": "de-DE"},
        "chatInfo": {"threadId": "19:meeting_A@thread.v2"},
        "subject": "Standup",
    }
    two, meeting = read(value(data, "created"), value(data | {"meetingInfo": {"organizer": {}}}, "created", call="g2"))
    assert not two.conversation.is_multiparty
    assert meeting.conversation.is_multiparty
    assert (meeting.conversation.thread_id, meeting.conversation.subject) == ("19:meeting_A@thread.v2", "Standup")
    assert meeting.conversation.caller is not None
    assert meeting.conversation.caller.language_id == "de-DE"


def test_a_meeting_is_joined_by_either_link() -> None:
    old = join(SETUP, read_link(LINK))
    assert (old["tenantId"], old["chatInfo"]["threadId"]) == ("t", "19:meeting_A@thread.v2")
    assert old["meetingInfo"]["organizer"]["user"]["id"] == "o"
    number = read_link("https://teams.microsoft.com/meet/2345678901?p=abc")
    assert number == MeetingId("2345678901", "abc")
    new = join(Setup("https://x", "", "", tenant="t1"), number)
    assert (new["tenantId"], new["meetingInfo"]["joinMeetingId"]) == ("t1", "2345678901")


@pytest.mark.parametrize(
    "link", ["", "https://x/l/meetup-join/a/0", "https://x/l/meetup-join/a/0?context=1", "http://[", LINK[:-4]]
)
def test_what_is_no_link_to_a_meeting_says_so(link: str) -> None:
    with pytest.raises(BotError, match="no link"):
        read_link(link)


def test_a_link_is_made_of_where_a_meeting_is_as_teams_writes_one() -> None:
    where = read_link(LINK)
    assert isinstance(where, Coordinates)
    assert read_link(link_of(where)) == where
    assert link_of(where) == (
        "https://teams.microsoft.com/l/meetup-join/19%3ameeting_A%40thread.v2/0"
        "?context=%7b%22Tid%22%3a%22t%22%2c%22Oid%22%3a%22o%22%7d"
    )


def test_a_call_says_which_meeting_it_is_of() -> None:
    user = {"id": "o", "tenantId": "t"}
    call = {"chatInfo": {"threadId": "19:a"}, "meetingInfo": {"organizer": {"user": user}}}
    assert coordinates_of(call) == Coordinates("19:a", "0", "t", "o")
    for other in ({}, {"chatInfo": {}, "meetingInfo": {"organizer": {"user": user}}}, {**call, "meetingInfo": None}):
        assert coordinates_of(other) is None


def test_a_meeting_is_found_by_its_link_and_read() -> None:
    assert filter_of("https://x/'y'") == "JoinWebUrl eq 'https://x/''y'''"
    organizer = {"identity": {"user": {"id": "o"}}}
    data = {"id": "m", "subject": None, "joinWebUrl": LINK, "participants": {"organizer": organizer}}
    assert meeting_in(data) == Meeting("m", "", "8:orgid:o", LINK)
    assert meeting_in({}).organizer == ""
    times = {"startDateTime": "2027-01-04T09:00:00.1234567Z", "endDateTime": "2027-13-04T09:00:00Z"}
    people = {"attendees": [{"identity": {"user": {"id": "u", "displayName": "Uma"}}}]}
    read = meeting_in({**times, "participants": people, "isBroadcast": True, "chatInfo": {}, "@odata.type": "x"})
    assert (read.starts, read.ends) == (datetime(2027, 1, 4, 9, 0, 0, 123456, UTC), None)
    assert [(each.identity, each.display_name) for each in read.invited] == [("8:orgid:u", "Uma")]
    assert read.metadata == {"isBroadcast": True}
