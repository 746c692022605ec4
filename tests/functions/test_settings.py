import re
from pathlib import Path

import pytest

from dialtone.errors import ConfigurationError
from functions import settings as module
from functions.settings import Settings

GOOD = {
    "DIALTONE_BOT": "bots.hello:bot",
    "DIALTONE_PUBLIC_URL": "https://bot.example.com/",
    "DIALTONE_APPSTATE_KEY": "a2V5",
    "DIALTONE_APP_ID": "app",
}


def test_defaults() -> None:
    settings = Settings.from_environment(GOOD)
    assert settings.callback_url == "https://bot.example.com/api/calls"
    assert (settings.auth, settings.sweep_after, settings.prompt_refresh) == ("jwt", 900, 0)


def test_a_callback_link_carries_the_key_that_the_host_asks_for() -> None:
    settings = Settings.from_environment(GOOD | {"DIALTONE_AUTH": "function-key", "DIALTONE_FUNCTION_KEY": "a/b+c=="})
    assert settings.callback_url == "https://bot.example.com/api/calls?code=a%2Fb%2Bc%3D%3D"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"DIALTONE_BOT": ""}, "DIALTONE_BOT"),
        ({"DIALTONE_PUBLIC_URL": ""}, "DIALTONE_PUBLIC_URL"),
        ({"DIALTONE_PUBLIC_URL": "bot.example.com"}, "DIALTONE_PUBLIC_URL"),
        ({"DIALTONE_PUBLIC_URL": "ftp://bot.example.com"}, "DIALTONE_PUBLIC_URL"),
        ({"DIALTONE_APPSTATE_KEY": ""}, "DIALTONE_APPSTATE_KEY"),
        ({"DIALTONE_AUTH": "none"}, "DIALTONE_AUTH"),
        ({"DIALTONE_AUTH": "jwt+none"}, "DIALTONE_AUTH"),
        ({"DIALTONE_AUTH": "jwt+"}, "DIALTONE_AUTH"),
        ({"DIALTONE_AUTH": "jwt+jwt"}, "DIALTONE_AUTH"),
        ({"DIALTONE_AUTH": "JWT"}, "DIALTONE_AUTH"),
        ({"DIALTONE_AUTH": "loopback+jwt"}, "DIALTONE_AUTH"),
        ({"DIALTONE_APP_ID": ""}, "DIALTONE_APP_ID"),
        ({"DIALTONE_AUTH": "jwt", "DIALTONE_APP_ID": ""}, "DIALTONE_APP_ID"),
        ({"DIALTONE_AUTH": "function-key"}, "DIALTONE_FUNCTION_KEY"),
        ({"DIALTONE_AUTH": "certificate"}, "DIALTONE_CERTIFICATE_ROOTS"),
        ({"DIALTONE_AUTH": "jwt+certificate", "DIALTONE_APP_ID": "app"}, "DIALTONE_CERTIFICATE_ROOTS"),
        ({"DIALTONE_JWT_METADATA": "http://login.example.com/"}, "DIALTONE_JWT_METADATA"),
        ({"DIALTONE_JWT_METADATA": "https://"}, "DIALTONE_JWT_METADATA"),
        ({"DIALTONE_JWT_METADATA": "http://["}, "DIALTONE_JWT_METADATA"),
        ({"DIALTONE_JWT_SKEW": "-1"}, "DIALTONE_JWT_SKEW"),
        ({"DIALTONE_CERTIFICATE_NAMES": "*"}, "DIALTONE_CERTIFICATE_NAMES"),
        ({"DIALTONE_CERTIFICATE_NAMES": "*.com"}, "DIALTONE_CERTIFICATE_NAMES"),
        ({"DIALTONE_CERTIFICATE_NAMES": "*.skype.com, *.*.com"}, "DIALTONE_CERTIFICATE_NAMES"),
        ({"DIALTONE_CERTIFICATE_NAMES": "e*.skype.com"}, "DIALTONE_CERTIFICATE_NAMES"),
        ({"DIALTONE_CERTIFICATE_NAMES": ".skype.com"}, "DIALTONE_CERTIFICATE_NAMES"),
        ({"DIALTONE_CERTIFICATE_REVOCATION": "ignore"}, "DIALTONE_CERTIFICATE_REVOCATION"),
        ({"DIALTONE_SWEEP_AFTER": "soon"}, "DIALTONE_SWEEP_AFTER"),
        ({"DIALTONE_SWEEP_AFTER": "-1"}, "DIALTONE_SWEEP_AFTER"),
        ({"DIALTONE_SWEEP_AFTER": "nan"}, "DIALTONE_SWEEP_AFTER"),
        ({"DIALTONE_MAX_BODY": "inf"}, "DIALTONE_MAX_BODY"),
    ],
)
def test_a_wrong_setting_is_named(change: dict[str, str], field: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environment(GOOD | change)
    assert caught.value.field == field
    assert caught.value.fix


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        ("", ("jwt",)),
        ("loopback", ("loopback",)),
        ("jwt", ("jwt",)),
        ("certificate+jwt", ("jwt", "certificate")),
        ("jwt + function-key", ("function-key", "jwt")),
    ],
)
def test_ways_to_verify(text: str, ways: tuple[str, ...]) -> None:
    needed = {"DIALTONE_FUNCTION_KEY": "key", "DIALTONE_CERTIFICATE_ROOTS": "roots.pem"}
    assert Settings.from_environment(GOOD | needed | {"DIALTONE_AUTH": text}).ways == ways


def test_what_tokens_and_certificates_must_be() -> None:
    settings = Settings.from_environment(GOOD)
    assert settings.jwt_metadata == "https://login.botframework.com/v1/.well-known/openidconfiguration"
    assert (settings.jwt_issuers, settings.jwt_skew) == ((), 300)
    assert (settings.certificate_names, settings.certificate_revocation) == (("*.skype.com",), "require")
    lists = {"DIALTONE_JWT_ISSUERS": "https://a.test, https://b.test", "DIALTONE_CERTIFICATE_NAMES": "a.b.c,*.b.c"}
    settings = Settings.from_environment(GOOD | lists)
    assert settings.jwt_issuers == ("https://a.test", "https://b.test")
    assert settings.certificate_names == ("a.b.c", "*.b.c")


def test_the_table_names_every_setting() -> None:
    source = Path(module.__file__).read_text()
    rows = set(re.findall(r"^\| ([A-Z_]+) +\|", module.__doc__ or "", re.MULTILINE))
    assert rows == set(re.findall(r'environment(?:\.get\(|, )\s*"([A-Z_]+)"', source))
