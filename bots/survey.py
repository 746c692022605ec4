"""A survey: digits, a yes-or-no question, and one call to the outside world for all the answers.

The answers are posted as JSON to the address in SURVEY_URL; without one they go nowhere.
"""

import os
from typing import Any

import aiohttp

from dialtone import ActivityFailed, Call, CallBot, Prompt

bot = CallBot()

NUMBER = Prompt("order-number", "Please type the six digits of your order number.")
SCORE = Prompt("score", "How happy are you with it? Press a key from 1, not at all, to 5, very.")
AGAIN = Prompt("buy-again", "Would you buy it again? Press 1 for yes, or 2 for no.")


@bot.incoming
async def survey(call: Call) -> None:
    call.say(Prompt("survey-welcome", "Thank you for your order. We have two questions."))
    number = await order_number(call)
    if number is None:
        call.say(Prompt("survey-no-number", "We cannot go on without it. Goodbye."))
        return
    score = await call.choose(SCORE, {key: key for key in "12345"})
    again = await call.confirm(AGAIN)
    try:
        await call.run(send, call.id, {"order": number, "score": score, "again": again})
    except ActivityFailed:
        call.say(Prompt("survey-not-sent", "Your answers could not be saved. Please call again later."))
    else:
        call.say(Prompt("survey-thanks", "Thank you. Goodbye."))


async def order_number(call: Call) -> str | None:
    """Ask for the order number until the caller says that it is right; None when they do not type one."""
    while number := await call.digits(NUMBER, maximum=6):
        if len(number) < 6:
            call.say("That is not six digits.")
        elif await call.confirm(f"You typed {' '.join(number)}. Is that right?") is not False:
            return number
    return None


async def send(call_id: str, answers: dict[str, Any]) -> None:
    """Post the answers. The call's id lets the other side drop a repetition, for this may run twice."""
    if url := os.environ.get("SURVEY_URL"):
        headers = {"Idempotency-Key": call_id}
        async with (
            aiohttp.ClientSession(raise_for_status=True) as http,
            http.post(url, json=answers, headers=headers),
        ):
            pass
