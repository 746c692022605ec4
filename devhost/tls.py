"""TLS of the local host, and the client certificate of its handshake.

The App Service front end ends TLS, asks for a client certificate, and hands it to the app in X-ARR-ClientCert, as
base64 of DER. This host does the same for certificates that an authority of ``--client-ca`` has issued; a handshake
with another one fails, and without one there is no header. What a client sends in that header is dropped
(devhost/host.py).
"""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

VOUCHES = "DEVHOST_CLIENT_CERTIFICATES"
"""Set for the app while X-ARR-ClientCert is this host's word."""

CERTIFICATE = "devhost.client_certificate"
"""Where an ASGI scope holds the DER of the client's certificate."""


@dataclass(frozen=True)
class Tls:
    """Files in PEM: the host's certificate with its chain, its key, and the authorities of client certificates."""

    certificate: Path
    key: Path
    client_ca: Path | None


def vouch(tls: Tls | None) -> None:
    """Tell the app whether it may trust the header."""
    if tls is not None and tls.client_ca is not None:
        os.environ[VOUCHES] = "1"
    else:
        os.environ.pop(VOUCHES, None)


class HandshakeProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # uvicorn picks its base by what is installed
    """uvicorn's HTTP protocol, whose requests carry the client certificate of their connection."""

    app: Any

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Take the certificate from the socket, once for all requests of the connection."""
        super().connection_made(transport)
        handshake = transport.get_extra_info("ssl_object")
        certificate = handshake.getpeercert(binary_form=True) if handshake is not None else None
        if certificate is not None:
            app = self.app

            async def with_certificate(scope: dict[str, Any], receive: Any, send: Any) -> None:
                await app({**scope, CERTIFICATE: certificate}, receive, send)

            self.app = with_certificate
