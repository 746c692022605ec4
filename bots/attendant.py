"""An attendant for a company in Teams: connects callers with a team or, by its extension, with somebody.

Where nobody takes the call, or nobody is wanted, it takes a message.
"""

from dialtone import Call, CallBot, Prompt

bot = CallBot()

MENU = Prompt("attendant-menu", "For sales, press 1. For support, press 2. If you know the extension, press 3.")
EXTENSION = Prompt("attendant-extension", "Please type the extension, and then the hash key.")
TEAMS = {"sales": "8:orgid:sales", "support": "8:orgid:support"}
EXTENSIONS = {"101": "8:orgid:nora", "102": "8:orgid:lars"}


@bot.incoming
async def attendant(call: Call) -> None:
    call.say(Prompt("attendant-welcome", "Welcome to Contoso."))
    wanted = await call.choose(MENU, {"sales": "1", "support": "2", "extension": "3"}, retries=1)
    target = TEAMS.get(wanted or "")
    if wanted == "extension":
        typed = await call.digits(EXTENSION, maximum=3)
        target = EXTENSIONS.get(typed or "")
        if target is None:
            call.say(Prompt("attendant-unknown", "Nobody has this extension."))
    if target is not None:
        call.say(Prompt("attendant-connecting", "One moment, please."))
        if await call.transfer(target):
            return
        call.say(Prompt("attendant-busy", "They cannot take your call now."))
    prompt = Prompt("attendant-message", "Please leave a message after the tone.")
    message = await call.record(prompt, max_seconds=120, retries=0)
    call.say(Prompt("attendant-thanks", "Thank you. Goodbye.") if message else Prompt("attendant-bye", "Goodbye."))
