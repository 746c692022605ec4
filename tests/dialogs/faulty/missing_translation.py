"""A text that was forgotten in German."""

from dialtone import Call, CallBot, translations

GERMAN = {
    "For our hours, press 1.": "Für unsere Zeiten drücken Sie die 1.",
    "From ten to six.": "Von zehn bis achtzehn Uhr.",
    "I couldn't hear anything.": "Ich habe nichts gehört.",
    "That's an invalid option.": "Diese Taste ist nicht belegt.",
    "I'm sorry. I didn't understand.": "Das habe ich nicht verstanden.",
    "I'm sorry. Something went wrong. Please call again later.": "Leider ist etwas schiefgegangen.",
}
bot = CallBot(localize=translations({"de": GERMAN}))


@bot.incoming
async def hours(call: Call) -> None:
    if await call.choose("For our hours, press 1.", {"hours": "1"}):
        call.say("From ten to six.")
        call.say("Closed on Mondays.")  # fault
