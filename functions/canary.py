"""The canary: a call that an operator places to see that a deployed bot can take calls, `dialtone canary`.

1. It is off unless DIALTONE_CANARY_KEYS names a key. Off, and for whoever signs with no key of it, everything is 401.
2. A request is let in by a token that is made for it alone (dialtone/protocol/canary.py). The key that makes them stays
   with the operator; here are public ones only, so that nothing that is deployed can place a canary.
3. A canary runs the dialog below, never the bot's, and only with a call id that no real call has. It goes the way of
   any call: the front end, this app, the engine, the journal, the list of prompts. It records nothing, asks no user and
   places no call.
4. It is listed under the channel `canary`.
"""

from base64 import b64decode
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Final

import azure.functions as func

from dialtone.channels import skype
from dialtone.dialogs import Call, CallBot, Prompt
from dialtone.errors import BodyTooLarge, ConfigurationError, Forbidden, Unauthorized
from dialtone.protocol import canary as rules
from functions.http import route
from functions.settings import settings
from functions.skype_turn import Reply, SkypeTurns
from functions.skype_turn import turns as turns_of_calls

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]

NAME: Final = "canary"
BODY_MAX: Final = 64 * 1024
CLOCK_SKEW_S: Final = 60
_SETTING: Final = "DIALTONE_CANARY_KEYS"

bot = CallBot()


@bot.incoming
async def line_check(call: Call) -> None:
    """What the canary hears; simulator/scripts/canary.yaml is its other end."""
    await call.choose(Prompt("canary", "This is a test. Press 1."), {"heard": "1"})
    call.say("Thank you.")


class CanaryTurns(SkypeTurns):
    """Takes the turns of canaries."""

    channel: ClassVar[str] = NAME

    @property
    def callback_url(self) -> str:
        """Where the results of a canary's workflows are posted to."""
        return f"{self.settings.public_url}/api/{NAME}"

    async def received(self, incoming: skype.Incoming) -> Reply:
        """Answer a request of a canary. Raises `Forbidden` for the id of a real call (rule 3)."""
        if not incoming.message.id.startswith(rules.PREFIX):
            raise Forbidden(
                "a canary's call has another id",
                code="CANARY_CALL",
                field="id",
                fix=f"begin it with {rules.PREFIX}",
            )
        return await SkypeTurns.received(self, incoming)


@cache
def turns() -> CanaryTurns:
    """The turns of canaries in this process: those of its bot, with another dialog."""
    there = turns_of_calls()
    return CanaryTurns(bot, there.storage, there.settings, there.clock)


async def operator(request: func.HttpRequest) -> None:
    """Verify that the request was signed with a key of DIALTONE_CANARY_KEYS, for this app, lately. Raises
    `Unauthorized`.
    """
    current = settings()
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if not current.canary_keys or scheme.lower() != "bearer":
        raise _stranger()
    headers = {name.lower(): value for name, value in request.headers.items()}
    body = request.get_body()
    told = read_token(token.strip(), keys_of(current.canary_keys), current.public_url)
    if told["jti"] != headers.get(skype.MESSAGE_ID) or told["sha"] != rules.digest(body):
        raise _refused("REQUEST", "the token was made for another request", "sign each request by itself")


def read_token(token: str, keys: Sequence["Ed25519PublicKey"], audience: str) -> dict[str, Any]:
    """The claims of a canary's token. Raises `Unauthorized`."""
    import jwt  # it and cryptography cost a cold start

    for key in keys:
        try:
            told: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[rules.ALGORITHM],
                audience=audience,
                issuer=rules.ISSUER,
                leeway=CLOCK_SKEW_S,
                options={"require": list(rules.CLAIMS)},
            )
        except (jwt.InvalidSignatureError, jwt.DecodeError, jwt.InvalidAlgorithmError):
            continue
        except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError):
            raise _refused("TIME", "the token is not of this time", "look at the clocks of both sides") from None
        except jwt.InvalidAudienceError:
            raise _refused(
                "AUDIENCE",
                "the token is for another app",
                f"call it by the address that is DIALTONE_PUBLIC_URL: {audience}",
            ) from None
        except jwt.InvalidTokenError:
            raise _refused(
                "TOKEN", "the token breaks the rules of a canary", "see dialtone/protocol/canary.py"
            ) from None
        if int(told["exp"]) - int(told["iat"]) > rules.LIFE_S:
            raise _refused("LIFE", "the token is made to last too long", f"let it last for {rules.LIFE_S} s at most")
        return told
    raise _stranger()


@cache
def keys_of(setting: tuple[str, ...]) -> tuple["Ed25519PublicKey", ...]:
    """The public keys of DIALTONE_CANARY_KEYS. Raises `ConfigurationError`."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    keys = []
    for text in setting:
        try:
            key = load_der_public_key(b64decode(text, validate=True))
        except ValueError:
            key = None
        if not isinstance(key, Ed25519PublicKey):
            raise ConfigurationError(
                "it is not the public part of an Ed25519 key",
                field=_SETTING,
                fix="write it by: openssl pkey -in canary.pem -pubout -outform DER | openssl base64 -A",
            )
        keys.append(key)
    return tuple(keys)


@route(blueprint, NAME, "POST", verifier=operator)
async def canary(req: func.HttpRequest) -> func.HttpResponse:
    """Take a request of a canary's call: as `calls`, but with the dialog of the canary."""
    body = req.get_body()
    if len(body) > BODY_MAX:
        raise BodyTooLarge(f"the body has {len(body)} bytes, {BODY_MAX} are allowed", fix="send what a canary sends")
    reply = await turns().callback({name.lower(): value for name, value in req.headers.items()}, body)
    return func.HttpResponse(reply.body, status_code=reply.status, mimetype=reply.content_type if reply.body else None)


def _stranger() -> Unauthorized:
    """Rule 1: the same whether the canary is off or the key is another one."""
    return Unauthorized(
        "no key that is known here has signed this request",
        code="CANARY_UNKNOWN",
        field="Authorization",
        fix=f"switch the canary on by {_SETTING}, or sign with its key",
    )


def _refused(code: str, message: str, fix: str) -> Unauthorized:
    return Unauthorized(message, code=f"CANARY_{code}", field="Authorization", fix=fix)
