"""A table of an Azure storage account."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from dialtone.storage.backend import Entity
from dialtone.storage.failures import guard

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient, TableServiceClient

    from dialtone.storage.account import AzureAccount

_PAGE: Final = 100


class AzureTable:
    """See `Table`."""

    def __init__(self, account: "AzureAccount", name: str) -> None:
        self._account = account
        self._name = name
        self._service: TableServiceClient | None = None
        self._table: TableClient | None = None

    async def ensure(self) -> None:
        """See `Table`."""
        table = await self._client()
        async with guard(f"creating table {self._name}"):
            await _create(table)

    async def insert(self, entity: Entity) -> bool:
        """See `Table`.

        It is tried again after a broken connection, so it may find the row that it wrote itself, and says False.
        """
        from azure.core.exceptions import ResourceExistsError

        table = await self._client()
        async with guard(f"adding a row to table {self._name}"):
            try:
                # The SDK does not try a POST again by itself, and an idle connection may be closed at any time.
                await _write(
                    table,
                    lambda: table.create_entity(
                        entity, retry_on_methods=frozenset({"POST"}), response_preference="return-no-content"
                    ),
                )
            except ResourceExistsError:
                return False
        return True

    async def put(self, entity: Entity) -> None:
        """See `Table`."""
        from azure.data.tables import UpdateMode

        table = await self._client()
        async with guard(f"writing a row of table {self._name}"):
            await _write(table, lambda: table.upsert_entity(entity, mode=UpdateMode.REPLACE))

    async def merge(self, entity: Entity) -> bool:
        """See `Table`."""
        from azure.core.exceptions import ResourceNotFoundError
        from azure.data.tables import UpdateMode

        table = await self._client()
        async with guard(f"changing a row of table {self._name}"):
            try:
                await table.update_entity(entity, mode=UpdateMode.MERGE)
            except ResourceNotFoundError:
                return False
        return True

    async def get(self, partition: str, row: str) -> Entity | None:
        """See `Table`."""
        from azure.core.exceptions import ResourceNotFoundError

        table = await self._client()
        async with guard(f"reading a row of table {self._name}"):
            try:
                return await table.get_entity(partition, row)
            except ResourceNotFoundError:
                return None

    async def delete(self, partition: str, row: str) -> None:
        """See `Table`."""
        table = await self._client()
        async with guard(f"removing a row of table {self._name}"):
            await table.delete_entity(partition, row)

    async def scan(
        self,
        partition: str,
        *,
        first: str = "",
        limit: int | None = None,
        last: Callable[[Entity], bool] | None = None,
    ) -> list[Entity]:
        """See `Table`."""
        from azure.core.exceptions import ResourceNotFoundError

        table = await self._client()
        found: list[Entity] = []
        async with guard(f"reading rows of table {self._name}"):
            rows = table.query_entities(
                "PartitionKey eq @partition and RowKey ge @first",
                parameters={"partition": partition, "first": first},
                results_per_page=min(limit or _PAGE, _PAGE),
            )
            with suppress(ResourceNotFoundError):
                async for row in rows:
                    found.append(row)
                    if len(found) == limit or (last is not None and last(row)):
                        break
        return found

    async def _client(self) -> "TableClient":
        service = await self._account.tables()
        if self._table is None or self._service is not service:
            self._service, self._table = service, service.get_table_client(self._name)
        return self._table


async def _write(table: "TableClient", write: Callable[[], Awaitable[Any]]) -> None:
    from azure.core.exceptions import ResourceNotFoundError

    try:
        await write()
    except ResourceNotFoundError:
        await _create(table)
        await write()


async def _create(table: "TableClient") -> None:
    from azure.core.exceptions import ResourceExistsError

    with suppress(ResourceExistsError):
        await table.create_table()
