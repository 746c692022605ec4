import subprocess
import sys

import pytest

from dialtone.errors import ConfigurationError
from dialtone.storage import Storage, open_storage
from dialtone.storage.account import AzureAccount

from .test_calls import turn

KEY = "a2V5"

IMPORTS = """
import sys
from dialtone.storage import open_storage
open_storage("UseDevelopmentStorage=true")
open_storage(account="contoso")
open_storage("memory")
heavy = {"azure", "aiohttp", "msal", "cryptography", "requests"}
print(sorted(name for name in sys.modules if name.partition(".")[0] in heavy))
"""


def test_nothing_of_the_sdk_is_imported_before_a_request() -> None:
    result = subprocess.run([sys.executable, "-c", IMPORTS], check=True, capture_output=True, text=True)
    assert result.stdout.strip() == "[]"


class TestOpening:
    @pytest.mark.parametrize("nothing", [None, ""])
    def test_storage_must_be_named(self, nothing: str | None) -> None:
        with pytest.raises(ConfigurationError, match="memory") as refusal:
            open_storage(nothing, account=nothing)
        assert refusal.value.field == "DIALTONE_STORAGE"

    def test_storage_must_not_be_named_twice(self) -> None:
        with pytest.raises(ConfigurationError, match="keep one"):
            open_storage("memory", account="contoso")

    @pytest.mark.parametrize(
        "text",
        [
            "contoso",
            "AccountName=contoso",
            f"AccountKey={KEY}",
            "AccountName=contoso;AccountKey=not base64",
            "BlobEndpoint=https://contoso.blob.core.windows.net;SharedAccessSignature=sv=2024",
            "UseDevelopmentStorage=false",
        ],
    )
    def test_connection_string_must_be_whole(self, text: str) -> None:
        with pytest.raises(ConfigurationError) as refusal:
            open_storage(text)
        assert refusal.value.field == "DIALTONE_STORAGE"
        assert KEY not in str(refusal.value)

    @pytest.mark.parametrize("name", ["ab", "Contoso", "con-toso", "contoso.blob.core.windows.net", "ü" * 5])
    def test_account_must_be_a_name(self, name: str) -> None:
        with pytest.raises(ConfigurationError, match="lower-case"):
            open_storage(account=name)

    @pytest.mark.parametrize("seconds", [0, -1, 86_401])
    def test_link_seconds_are_bounded(self, seconds: float) -> None:
        with pytest.raises(ConfigurationError) as refusal:
            open_storage("memory", link_seconds=seconds)
        assert refusal.value.field == "link_seconds"

    @pytest.mark.parametrize(
        ("text", "tables", "blobs"),
        [
            (
                f"DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey={KEY};EndpointSuffix=core.windows.net",
                "https://contoso.table.core.windows.net",
                "https://contoso.blob.core.windows.net",
            ),
            (
                f"AccountName=contoso;AccountKey={KEY};EndpointSuffix=core.chinacloudapi.cn; ",
                "https://contoso.table.core.chinacloudapi.cn",
                "https://contoso.blob.core.chinacloudapi.cn",
            ),
            (
                f"AccountName=a;AccountKey={KEY};BlobEndpoint=http://127.0.0.1:1/a/;TableEndpoint=http://127.0.0.1:2/a",
                "http://127.0.0.1:2/a",
                "http://127.0.0.1:1/a",
            ),
            (
                "UseDevelopmentStorage=true",
                "http://127.0.0.1:10002/devstoreaccount1",
                "http://127.0.0.1:10000/devstoreaccount1",
            ),
        ],
    )
    def test_endpoints(self, text: str, tables: str, blobs: str) -> None:
        backend = open_storage(text).backend
        assert isinstance(backend, AzureAccount)
        assert (backend.address.table_endpoint, backend.address.blob_endpoint) == (tables, blobs)
        assert backend.address.key not in repr(backend.address)


async def test_ensure_and_ping(storage: Storage) -> None:
    await storage.ping()
    await storage.ensure()
    await storage.ensure()
    await storage.ping()


async def test_storage_can_be_used_after_close(storage: Storage) -> None:
    await storage.calls.insert(turn(0))
    await storage.close()
    assert await storage.calls.latest("8d3b") == turn(0)
    await storage.close()
