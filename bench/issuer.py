"""An issuer of tokens on this machine, and one token of it, for bots that verify their callbacks."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

APP_ID = "bench"
ISSUER = "https://api.botframework.com"


@dataclass(frozen=True, slots=True)
class Issuer:
    """Where its OpenID metadata is, and a token for `APP_ID` that lives for an hour; `new` makes another, by a name."""

    metadata: str
    token: str
    new: Callable[[str], str]


@contextmanager
def issuer() -> Iterator[Issuer]:
    """Serve the metadata and the key set until the block is done."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    keys = {"keys": [public | {"kid": "bench", "use": "sig", "alg": "RS256"}]}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = f"http://127.0.0.1:{port}"
            metadata = {
                "issuer": ISSUER,
                "jwks_uri": f"{address}/keys",
                "id_token_signing_alg_values_supported": ["RS256"],
            }
            body = json.dumps(keys if self.path == "/keys" else metadata).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": APP_ID, "iat": now, "nbf": now - 60, "exp": now + 3600}

    def new(name: str) -> str:
        return jwt.encode(claims | {"jti": name}, key, algorithm="RS256", headers={"kid": "bench"})

    try:
        yield Issuer(f"http://127.0.0.1:{port}/metadata", new("first"), new)
    finally:
        server.shutdown()
        server.server_close()
