"""One bot, two languages: that of the caller to begin with, the other one by a key.

The texts and words of the code are English; `GERMAN` has them in German. Operators may upload each prompt in each
language (`hours.de.wav`, `hours.en.txt`), and what they upload wins.
"""

from dialtone import Call, CallBot, Prompt, translations

WELCOME = Prompt("welcome", "Welcome to the Contoso museum.")
MENU = Prompt("menu", "For our opening hours, say hours or press 1. Für Deutsch drücken Sie die 9.")
HOURS = Prompt("hours", "We are open from ten to six, every day but Monday.")
GOODBYE = Prompt("goodbye", "Goodbye.")

GERMAN = {
    WELCOME.text: "Willkommen im Contoso-Museum.",
    MENU.text: "Für unsere Öffnungszeiten sagen Sie Zeiten oder drücken Sie die 1. For English, press 9.",
    "hours": "Zeiten",
    HOURS.text: "Wir haben täglich außer Montag von zehn bis achtzehn Uhr geöffnet.",
    GOODBYE.text: "Auf Wiederhören.",
    "I couldn't hear anything.": "Ich habe nichts gehört.",
    "That's an invalid option.": "Diese Taste ist nicht belegt.",
    "I'm sorry. I didn't understand.": "Das habe ich leider nicht verstanden.",
    "I'm sorry. Something went wrong. Please call again later.": "Leider ist etwas schiefgegangen.",
}

bot = CallBot(localize=translations({"de": GERMAN}))


@bot.incoming
async def museum(call: Call) -> None:
    if not is_german(call):
        call.language = "en"
    call.say(WELCOME)
    while choice := await call.choose(MENU, {"hours": ("1", "hours"), "other": "9"}):
        if choice == "hours":
            call.say(HOURS)
            break
        call.language = "en" if is_german(call) else "de"
    call.say(GOODBYE)


def is_german(call: Call) -> bool:
    """Whether the call is held in German, that of Austria or Switzerland included."""
    return (call.language or "").casefold().split("-")[0] == "de"
