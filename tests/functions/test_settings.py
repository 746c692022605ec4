import pytest

from dialtone.errors import ConfigurationError
from functions.settings import Settings

GOOD = {
    "DIALTONE_BOT": "bots.hello:bot",
    "DIALTONE_PUBLIC_URL": "https://bot.example.com/",
    "DIALTONE_APPSTATE_KEY": "a2V5",
}


def test_defaults() -> None:
    settings = Settings.from_environment(GOOD)
    assert settings.callback_url == "https://bot.example.com/api/calls"
    assert (settings.auth, settings.sweep_after, settings.prompt_refresh) == ("function-key", 900, 0)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"DIALTONE_BOT": ""}, "DIALTONE_BOT"),
        ({"DIALTONE_PUBLIC_URL": ""}, "DIALTONE_PUBLIC_URL"),
        ({"DIALTONE_PUBLIC_URL": "bot.example.com"}, "DIALTONE_PUBLIC_URL"),
        ({"DIALTONE_PUBLIC_URL": "ftp://bot.example.com"}, "DIALTONE_PUBLIC_URL"),
        ({"DIALTONE_APPSTATE_KEY": ""}, "DIALTONE_APPSTATE_KEY"),
        ({"DIALTONE_AUTH": "none"}, "DIALTONE_AUTH"),
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
