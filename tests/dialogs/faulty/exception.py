"""Takes it for granted that the caller has called before."""

from dialtone import Call, CallBot

bot = CallBot()


@bot.incoming
async def returning(call: Call) -> None:
    if await call.confirm("Shall we deliver to the same address? Press 1 for yes, or 2 for no."):
        data = await call.user_data()
        call.say(f"To {data['address']} then.")  # fault
