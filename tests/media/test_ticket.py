import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialtone.media.ticket import TicketError, expiry, load_key, sign, verify

KEY = bytes(range(32))


def test_a_ticket_is_expiry_dot_signature() -> None:
    digest = hmac.new(KEY, b"1700000000.call-1", hashlib.sha256).digest()
    expected = "1700000000." + base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert sign(KEY, "call-1", 1_700_000_000) == expected


@given(st.text(min_size=1), st.integers(0, 10**11))
def test_a_ticket_opens_its_call_until_it_expires(call_id: str, until: int) -> None:
    ticket = sign(KEY, call_id, until)
    verify(KEY, ticket, call_id, until - 0.001)
    with pytest.raises(TicketError, match="expired"):
        verify(KEY, ticket, call_id, until)
    assert expiry(ticket) == until


@given(st.integers(0, 53), st.characters(codec="utf-8"))
def test_a_changed_ticket_opens_nothing(position: int, character: str) -> None:
    ticket = sign(KEY, "call-1", 1_700_000_000)
    changed = ticket[:position] + character + ticket[position + 1 :]
    if changed != ticket:
        with pytest.raises(TicketError):
            verify(KEY, changed, "call-1", 0)


@pytest.mark.parametrize(
    "ticket",
    ["", ".", "1700000000", "1700000000.", ".x", "-1.x", "1e9.x", "9" * 5000 + ".x", "\u0661\u0667.x", "1.\ud800"],
)
def test_a_malformed_ticket_is_refused(ticket: str) -> None:
    with pytest.raises(TicketError, match="malformed"):
        verify(KEY, ticket, "call-1", 0)


@pytest.mark.parametrize("ticket", ["", ".", ".x", "-1.x", "1e9.x", "9" * 5000 + ".x", "\u0661.x"])
def test_what_is_no_ticket_expired_long_ago(ticket: str) -> None:
    assert expiry(ticket) == 0


def test_another_spelling_of_a_good_ticket_is_refused() -> None:
    ticket = sign(KEY, "call-1", 1_700_000_000)
    for other in (f"0{ticket}", f"{ticket}=", f" {ticket}", f"{ticket}\n"):
        with pytest.raises(TicketError):
            verify(KEY, other, "call-1", 0)


def test_a_ticket_of_another_call_or_key_is_refused() -> None:
    ticket = sign(KEY, "call-1", 1_700_000_000)
    with pytest.raises(TicketError, match="not signed for this call"):
        verify(KEY, ticket, "call-2", 0)
    with pytest.raises(TicketError, match="not signed for this call"):
        verify(bytes(32), ticket, "call-1", 0)


def test_a_standing_ticket_is_no_other_one() -> None:
    ticket, standing = sign(KEY, "call-1", 100), sign(KEY, "call-1", 100, standing=True)
    verify(KEY, standing, "call-1", 99, standing=True)
    with pytest.raises(TicketError, match="expired"):
        verify(KEY, standing, "call-1", 100, standing=True)
    with pytest.raises(TicketError, match="not signed"):
        verify(KEY, standing, "call-1", 99)
    with pytest.raises(TicketError, match="not signed"):
        verify(KEY, ticket, "call-1", 99, standing=True)


def test_a_key_is_base64_of_32_bytes_or_more() -> None:
    assert load_key(base64.b64encode(KEY).decode()) == KEY
    with pytest.raises(ValueError, match="31 bytes"):
        load_key(base64.b64encode(KEY[:31]).decode())
    for text in ("not base64!", "Zm9v=YmFy", "schlüssel"):
        with pytest.raises(ValueError, match="not base64") as caught:
            load_key(text)
        assert text not in str(caught.value)
