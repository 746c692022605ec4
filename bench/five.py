"""A bot of five turns: the call, three questions, and the hang-up."""

from dialtone import Call, CallBot

bot = CallBot()
CHOICES = {"yes": "1", "no": "2"}


@bot.incoming
async def survey(call: Call) -> None:
    for question in ("Were you helped?", "Was it quick?", "Would you call again?"):
        await call.choose(f"{question} Press 1 for yes, 2 for no.", CHOICES)
    call.say("Thank you.")
