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


@pytest.mark.parametrize("name", ["DIALTONE_TICKET_KEY", "DIALTONE_SIGNAL_KEY"])
def test_a_bad_key_is_no_key(name: str) -> None:
    for text in ("c2hvcnQ=", "!" * 44):
        with pytest.raises(SettingsError, match=rf"{name}: .*openssl rand") as caught:
            Settings.load([], LOOPBACK | {name: text})
        assert text not in str(caught.value)


@pytest.mark.parametrize("argument", ["--port=-1", "--port=65536", "--grace=-1", "--grace=nan", "--max-sessions=0"])
def test_a_value_out_of_range(argument: str) -> None:
    with pytest.raises(SettingsError, match=argument.split("=")[0]):
        Settings.load([argument], WITH_KEY)


def test_what_the_environment_says() -> None:
    environment = WITH_KEY | {
        "DIALTONE_ACS_AUDIENCE": "resource",
        "DIALTONE_ACS_KEYS": "http://127.0.0.1:1/keys",
        "DIALTONE_BOT": "bots.media:bot",
        "DIALTONE_PUBLIC_URL": "https://bot.example.org",
        "DIALTONE_SIGNAL_KEY": f"{base64.b64encode(b's' * 32).decode()},old",
        "DIALTONE_STORAGE": "memory",
        "DIALTONE_STORAGE_ACCOUNT": "account",
        "AZURE_CLIENT_ID": "client",
    }
    settings = Settings.load(["--idle", "5", "--longest", "60", "--processes", "0"], environment)
    assert (settings.limits.idle, settings.limits.longest, settings.processes) == (5, 60, 0)
    assert (settings.audience, settings.token_keys) == ("resource", "http://127.0.0.1:1/keys")
    assert (settings.bot, settings.public_url) == ("bots.media:bot", "https://bot.example.org")
    assert (settings.storage, settings.storage_account, settings.client_id) == ("memory", "account", "client")
    assert settings.signal_key == b"s" * 32
    assert "ssss" not in repr(settings)


def test_tokens_alone_open_streams_on_any_address() -> None:
    settings = Settings.load(["--host", "0.0.0.0"], {"DIALTONE_ACS_AUDIENCE": "resource"})
    assert (settings.ticket_key, settings.audience) == (None, "resource")


@pytest.mark.parametrize("argument", ["--idle=0", "--longest=-1", "--longest=inf", "--processes=-1"])
def test_a_limit_out_of_range(argument: str) -> None:
    with pytest.raises(SettingsError, match=argument.split("=")[0]):
        Settings.load([argument], WITH_KEY)


@pytest.mark.parametrize("name", ["DIALTONE_PUBLIC_URL", "DIALTONE_ACS_KEYS"])
def test_what_is_no_address(name: str) -> None:
    for text in ("bot.example.org", "ftp://x", "https://", "http://["):
        with pytest.raises(SettingsError, match=name):
            Settings.load([], WITH_KEY | {name: text})
