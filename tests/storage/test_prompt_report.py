from dialtone.storage.prompt_report import PromptReport, report


def test_a_language_without_an_upload_is_missing() -> None:
    used = {"welcome": ["en", "de"], "menu": ["en", "de"], "bye": ["en", "de"], "hours": []}
    slots = ["welcome.en", "welcome.de", "menu.en-gb", "bye"]
    found = report(used, slots)
    assert found.missing == (("menu", "de"), ("menu", "en"))
    assert found.unspoken == ("hours",)
    assert found.unused == ()


def test_an_upload_that_nobody_plays_may_be_misspelled() -> None:
    found = report({"welcome": [""]}, ["welcom.wav".removesuffix(".wav"), "old.de", "old"])
    assert found.unused == (("old", ""), ("old.de", ""), ("welcom", "welcome"))


def test_nothing_is_missing_of_a_bot_without_languages() -> None:
    assert report({"welcome": [""]}, ["welcome"]) == PromptReport((), (), ())
