"""An order in the style of the Node calling SDK: dialogs as lists of steps, and a library of dialogs.

The same in Dialtone's own style is one function with three awaits; see bots/survey.py. Both may be mixed.
"""

from typing import Any

from dialtone import Call, CallBot, DialogResult, Library, Prompt, ResumeReason

SIZES = {"small": ("1", "small"), "large": ("2", "large")}

address = Library("address")
"""Dialogs that other bots can use too: `bot.library(address)`, then `call.begin("address:ask")`."""


@address.dialog("ask")
async def ask_address(call: Call, attempts: int = 3) -> DialogResult:
    for _ in range(attempts):
        code = await call.digits(Prompt("ask-code", "Please type the five digits of your postcode."), maximum=5)
        if code is not None and len(code) == 5:
            call.end(code)
    return DialogResult(ResumeReason.NOT_COMPLETED)


async def ask_size(call: Call, result: DialogResult) -> str | None:
    return await call.choose("What size? For small, press 1. For large, press 2.", SIZES, cancel=("0", "cancel"))


async def ask_where(call: Call, result: DialogResult) -> DialogResult:
    if not result:
        return result
    data = await call.private_data()
    data["size"] = result.response
    if "postcode" in await call.user_data():
        call.next(response=(await call.user_data())["postcode"])
    return await call.begin("address:ask")


async def confirm_order(call: Call, result: DialogResult) -> Any:
    # A step that was left by call.next resumes the next one with `forward`, which is as good as completed here.
    if result.resumed not in (ResumeReason.COMPLETED, ResumeReason.FORWARD):
        call.end_conversation("Nothing was ordered. Goodbye.")
    size = (await call.private_data())["size"]
    postcode = result.response
    if not await call.confirm(f"A {size} pizza to {' '.join(postcode)}? Press 1 for yes, or 2 to begin again."):
        call.replace("/order")
    (await call.user_data())["postcode"] = postcode
    call.say("Your pizza is on its way. Goodbye.")


async def welcome(call: Call, result: DialogResult) -> DialogResult:
    call.say(Prompt("pizza-welcome", "Welcome to Contoso Pizza."))
    return await call.begin("/order")


bot = CallBot()
bot.library(address)
bot.dialog("/", [welcome])
bot.dialog("/order", [ask_size, ask_where, confirm_order])
