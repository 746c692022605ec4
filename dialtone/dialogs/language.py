"""The languages of a bot: every text that is spoken, and every word that is listened for, passes here.

A language is what the platform says of the caller (`en`, `en-US`), what `CallBot.lookup_user` found, or what the dialog
chose by `call.language`.
"""

from collections.abc import Callable, Iterator, Mapping

Localize = Callable[[str, str], str | None]
"""From a language and a text of the bot's code to that text in the language; None when there is no translation, so that
the text itself is said.
"""


def translations(catalog: Mapping[str, Mapping[str, str]]) -> Localize:
    """A `Localize` from tables of texts: `{"de": {"Goodbye.": "Auf Wiederhören."}}`.

    A language with a region (`de-AT`) that has no table, or whose table lacks the text, takes the one of its language
    (`de`). Names of languages are matched in any case.
    """
    tables = {language.casefold(): dict(texts) for language, texts in catalog.items()}

    def localize(language: str, text: str) -> str | None:
        for name in _fallbacks(language):
            if (found := tables.get(name, {}).get(text)) is not None:
                return found
        return None

    return localize


def _fallbacks(language: str) -> Iterator[str]:
    name = language.casefold()
    while name:
        yield name
        name = name.rpartition("-")[0]
