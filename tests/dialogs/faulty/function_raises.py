"""Looks up an order, and does not think of a failure."""

from dialtone import Call, CallBot

bot = CallBot()


@bot.incoming
async def order(call: Call) -> None:
    number = await call.digits("Please type the four digits of your order.", maximum=4)
    if number is not None:
        state = await call.run(look_up, number)  # fault
        call.say(f"Your order is {state}.")


async def look_up(number: str) -> str:
    raise AssertionError("an exploration runs no function")
