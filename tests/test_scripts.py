"""The scripts that come with bots are found by the bot's name."""

from pathlib import Path

import pytest

from dialtone.errors import ConfigurationError
from dialtone.loading import load_bot
from dialtone.scripts import sample_bots, scripts_for, scripts_of


def test_a_bot_has_the_scripts_of_its_folder() -> None:
    names = [path.stem for path in scripts_of("bots.reception:bot")]
    assert names[0] == "leave-a-message"
    assert names == sorted(names)
    assert scripts_of("elsewhere.reception:another") == scripts_of("bots.reception:bot")
    assert scripts_of("bots.absent:bot") == []


def test_a_platform_has_scripts_of_its_own_and_in_place_of_others() -> None:
    usual, teams = scripts_of("bots.recorder:bot"), scripts_of("bots.recorder:bot", "teams")
    assert [path.name for path in teams] == ["a-meeting-of-five.yaml", "alone.yaml", "cannot-record.yaml"]
    assert [path.parent.name for path in teams] == ["teams", "recorder", "teams"]
    assert [path.name for path in usual] == ["alone.yaml", "cannot-record.yaml"]
    assert usual == scripts_of("bots.recorder:bot", "acs")


def test_every_sample_bot_can_be_loaded() -> None:
    assert len(sample_bots()) > 5
    for bot in sample_bots():
        load_bot(bot)
        assert scripts_of(bot)


def test_a_script_that_is_named_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").touch()
    assert scripts_for("bots.mine:bot", [tmp_path / "own.yaml"], option="SCRIPT") == [tmp_path / "own.yaml"]
    with pytest.raises(ConfigurationError, match=r"there is no script .*absent.yaml"):
        scripts_for("bots.reception:bot", [tmp_path / "absent.yaml"], option="SCRIPT")


def test_a_bot_without_scripts_needs_one() -> None:
    with pytest.raises(ConfigurationError, match=r"no scripts come with tests.fakes:bot") as refused:
        scripts_for("tests.fakes:bot", None, option="--script")
    assert refused.value.field == "--script"
    assert "fakes" in refused.value.fix


@pytest.mark.parametrize("bot", ["bots.absent:bot", "absent.reception_:bot", "absent"])
def test_a_bot_that_is_not_there_is_not_asked_for_scripts(bot: str) -> None:
    with pytest.raises(ConfigurationError, match="there is no module") as refused:
        scripts_for(bot, None, option="--script")
    assert refused.value.field == "DIALTONE_BOT"
