"""A bot that waits for a payment made elsewhere, and knows who has called before."""

import os
from pathlib import Path

from dialtone import Call, CallBot, signal_url

bot = CallBot()


async def ask_for_payment(call_id: str) -> None:
    """Stands for a text message with a link."""
    Path(os.environ["WAITING_ADDRESS"]).write_text(signal_url("paid"))


@bot.incoming
async def pay(call: Call) -> None:
    user = await call.user_data()
    user["calls"] = user.get("calls", 0) + 1
    call.say(f"This is call number {user['calls']}.")
    await call.run(ask_for_payment, call.id)
    paid = await call.signal("paid", timeout=30)
    call.say(f"You have paid {paid.data['euros']} euros." if paid else "You have not paid.")
