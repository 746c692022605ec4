"""Uploads compared with what a bot says: what nobody uploaded in a language, and what nobody will hear."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from dialtone.storage.prompts import fallbacks


@dataclass(frozen=True, slots=True)
class PromptReport:
    """`missing` are prompts with a language in which only the bot's own text is spoken, while other prompts have an
    upload in it. `unused` are uploads that no path of the bot plays, each with a name of the bot that is like it, or
    nothing. `unspoken` are prompts of the bot without any upload: its own text is spoken.
    """

    missing: tuple[tuple[str, str], ...]
    unused: tuple[tuple[str, str], ...]
    unspoken: tuple[str, ...]


def report(used: Mapping[str, Collection[str]], slots: Iterable[str]) -> PromptReport:
    """`used` are the prompts that a bot plays, with the languages that it plays them in (none for one that has no
    language); `slots` are `<name>[.<culture>]` of those that are uploaded.
    """
    uploaded: dict[str, set[str]] = {}
    for slot in slots:
        name, _, culture = slot.partition(".")
        uploaded.setdefault(name, set()).add(culture)
    cultures = {culture for name in used for culture in uploaded.get(name, ()) if culture}
    cultures |= {language.lower() for languages in used.values() for language in languages if language}
    missing = [
        (name, culture)
        for name in sorted(used)
        if name in uploaded
        for culture in sorted(cultures)
        if not uploaded[name] & set(fallbacks(culture))
    ]
    unused = [
        (slot, next(iter(get_close_matches(name, list(used), 1)), ""))
        for name in sorted(uploaded)
        if name not in used
        for slot in sorted(f"{name}.{culture}" if culture else name for culture in uploaded[name])
    ]
    return PromptReport(tuple(missing), tuple(unused), tuple(name for name in sorted(used) if name not in uploaded))
