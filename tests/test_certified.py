import socket
import ssl
import threading
from pathlib import Path

import pytest

from dialtone.certified import certify


def test_a_server_at_this_machine_is_believed_by_who_has_the_authority(tmp_path: Path) -> None:
    made = certify(tmp_path / "folder")
    assert made.key.stat().st_mode & 0o777 == 0o600
    assert certify(tmp_path / "folder") == made
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(made.certificate, made.key)
    for authority, believed in ((str(made.authority), True), (None, False)):
        asking = ssl.create_default_context(cafile=authority)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            said: list[bytes] = []

            def serve(listening: socket.socket = listening, said: list[bytes] = said) -> None:
                connection, _ = listening.accept()
                try:
                    with serving.wrap_socket(connection, server_side=True) as tls:
                        said.append(tls.recv(5))
                except ssl.SSLError:
                    connection.close()

            thread = threading.Thread(target=serve)
            thread.start()
            with socket.create_connection(listening.getsockname()) as connection:
                if believed:
                    with asking.wrap_socket(connection, server_hostname="127.0.0.1") as tls:
                        tls.sendall(b"hello")
                else:
                    with pytest.raises(ssl.SSLCertVerificationError):
                        asking.wrap_socket(connection, server_hostname="127.0.0.1")
            thread.join()
            assert said == ([b"hello"] if believed else [])
