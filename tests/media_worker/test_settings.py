import base64

import pytest

from media_worker.settings import Settings, SettingsError

KEY = bytes(range(32))
WITH_KEY = {"DIALTONE_TICKET_KEY": base64.b64encode(KEY).decode()}
LOOPBACK = {"DIALTONE_AUTH": "loopback"}


def test_the_defaults() -> None:
    assert Settings.load([], WITH_KEY) == Settings(KEY, "127.0.0.1", 8080, 30.0, 200, 10.0)


def test_the_command_line() -> None:
    arguments = ["--host", "0.0.0.0", "--port", "0", "--grace", "590", "--max-sessions", "5"]
    assert Settings.load(arguments, WITH_KEY) == Settings(KEY, "0.0.0.0", 0, 590.0, 5)


def test_without_a_key_only_loopback_will_do() -> None:
    for host in ("127.0.0.1", "127.8.9.1", "::1", "localhost"):
        assert Settings.load(["--host", host], LOOPBACK).ticket_key is None
    for host in ("0.0.0.0", "::", "10.0.0.1", "", "localhost.example.org"):
        with pytest.raises(SettingsError, match="loopback address"):
            Settings.load(["--host", host], LOOPBACK)


def test_without_a_key_it_must_be_said() -> None:
    for environment in ({}, {"DIALTONE_AUTH": "function-key"}, {"DIALTONE_TICKET_KEY": ""}):
        with pytest.raises(SettingsError, match="DIALTONE_TICKET_KEY is not set"):
            Settings.load([], environment)


def test_a_key_counts_even_on_loopback() -> None:
    assert Settings.load([], WITH_KEY | LOOPBACK).ticket_key == KEY


def test_a_bad_key_is_no_key() -> None:
    for text in ("c2hvcnQ=", "!" * 44):
        with pytest.raises(SettingsError, match=r"DIALTONE_TICKET_KEY: .*openssl rand") as caught:
            Settings.load([], LOOPBACK | {"DIALTONE_TICKET_KEY": text})
        assert text not in str(caught.value)


@pytest.mark.parametrize("argument", ["--port=-1", "--port=65536", "--grace=-1", "--grace=nan", "--max-sessions=0"])
def test_a_value_out_of_range(argument: str) -> None:
    with pytest.raises(SettingsError, match=argument.split("=")[0]):
        Settings.load([argument], WITH_KEY)
