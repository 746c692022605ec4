"""An archive in an S3 bucket, by boto3: the extra `archive`. Who we are and where it is, boto3 finds as it always does
(AWS_ACCESS_KEY_ID, AWS_ROLE_ARN, AWS_ENDPOINT_URL_S3 and their kin).

Each part carries its SHA-256, which S3 verifies on arrival; a copy is completed only if its key is free. With lock
days it is under Object Lock in compliance mode: nobody can delete it before they are over. The bucket must have been
made with Object Lock then.

Source: Amazon S3 API, "CompleteMultipartUpload" (If-None-Match), "Checking object integrity", "Using Object Lock".
"""

import asyncio
import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

from dialtone.archive import Copy, Taken, Upload
from dialtone.errors import ConfigurationError, DependencyError

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

T = TypeVar("T")
_ABSENT: Final = frozenset({"404", "NoSuchKey", "NotFound", "NoSuchUpload"})
_TAKEN: Final = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict"})


class S3Sink:
    """See `Sink`."""

    def __init__(self, bucket: str, prefix: str = "", *, lock_days: int = 0) -> None:
        self._bucket, self._prefix, self._lock_days = bucket, prefix, lock_days

    def address(self, name: str) -> str:
        """See `Sink`."""
        return f"s3://{self._bucket}/{self._key(name)}"

    async def find(self, name: str) -> Copy | None:
        """See `Sink`."""
        there: Any = await self._do(lambda s3: s3.head_object(Bucket=self._bucket, Key=self._key(name)), absent=None)
        return None if there is None else Copy(there["ContentLength"], there["Metadata"].get("sha256", ""))

    async def begin(self, name: str, about: Mapping[str, str]) -> Upload:
        """See `Sink`."""
        key = self._key(name)

        def look(s3: "S3Client") -> Upload:
            listed = s3.list_multipart_uploads(Bucket=self._bucket, Prefix=key).get("Uploads", [])
            mine = [each["UploadId"] for each in listed if each["Key"] == key]
            if mine:
                parts: dict[int, str] = {}
                pages = s3.get_paginator("list_parts").paginate(Bucket=self._bucket, Key=key, UploadId=mine[0])
                for page in pages:
                    # The ETag of a part is its MD5 where the bucket does not encrypt by KMS; else it is sent again.
                    parts |= {part["PartNumber"] - 1: part["ETag"].strip('"') for part in page.get("Parts", [])}
                return Upload(name, mine[0], parts)
            more: dict[str, Any] = {}
            if self._lock_days:
                lock = self._lock()
                more = {"ObjectLockMode": lock["Mode"], "ObjectLockRetainUntilDate": lock["RetainUntilDate"]}
            made = s3.create_multipart_upload(
                Bucket=self._bucket,
                Key=key,
                Metadata=dict(about),
                ContentType="application/octet-stream",
                ChecksumAlgorithm="SHA256",
                **more,
            )
            return Upload(name, made["UploadId"])

        return await self._do(look)

    async def send(self, upload: Upload, number: int, data: bytes) -> None:
        """See `Sink`."""
        checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
        sent = await self._do(
            lambda s3: s3.upload_part(
                Bucket=self._bucket,
                Key=self._key(upload.name),
                UploadId=upload.token,
                PartNumber=number + 1,
                Body=data,
                ChecksumSHA256=checksum,
            )
        )
        upload.parts[number] = sent["ETag"].strip('"')

    async def finish(self, upload: Upload, count: int, about: Mapping[str, str]) -> None:
        """See `Sink`."""
        key = self._key(upload.name)

        def complete(s3: "S3Client") -> None:
            listed: dict[int, Any] = {}
            for page in s3.get_paginator("list_parts").paginate(Bucket=self._bucket, Key=key, UploadId=upload.token):
                listed |= {part["PartNumber"]: part for part in page.get("Parts", [])}
            parts: list[Any] = []
            for number in range(1, count + 1):
                part = listed[number]
                sums = {"ChecksumSHA256": part["ChecksumSHA256"]} if "ChecksumSHA256" in part else {}
                parts.append({"PartNumber": number, "ETag": part["ETag"], **sums})
            s3.complete_multipart_upload(
                Bucket=self._bucket,
                Key=key,
                UploadId=upload.token,
                MultipartUpload={"Parts": parts},
                IfNoneMatch="*",
            )
            if self._lock_days:
                # The upload has asked for it already; not everything that speaks S3 heeds that.
                s3.put_object_retention(Bucket=self._bucket, Key=key, Retention=self._lock())

        await self._do(complete)

    async def give_up(self, upload: Upload) -> None:
        """See `Sink`."""
        await self._do(
            lambda s3: s3.abort_multipart_upload(
                Bucket=self._bucket, Key=self._key(upload.name), UploadId=upload.token
            ),
            absent=None,
        )

    async def remove(self, name: str) -> str:
        """See `Sink`. Where the bucket keeps versions, all of them are deleted."""
        key = self._key(name)

        def delete(s3: "S3Client") -> str:
            from botocore.exceptions import ClientError

            versions = s3.list_object_versions(Bucket=self._bucket, Prefix=key)
            for version in [*versions.get("Versions", []), *versions.get("DeleteMarkers", [])]:
                if version["Key"] != key:
                    continue
                try:
                    s3.delete_object(Bucket=self._bucket, Key=key, VersionId=version["VersionId"])
                except ClientError as error:
                    if error.response.get("Error", {}).get("Code") != "AccessDenied":
                        raise
                    return "the bucket refuses: it is locked, or these credentials may not delete"
            return ""

        return await self._do(delete)

    async def close(self) -> None:
        """See `Sink`."""
        if "_client" in self.__dict__:
            self._client.close()

    def _lock(self) -> Any:
        return {"Mode": "COMPLIANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(days=self._lock_days)}

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    @cached_property
    def _client(self) -> "S3Client":
        try:
            import boto3
        except ModuleNotFoundError:
            raise ConfigurationError(
                "boto3 is not installed", field="DIALTONE_ARCHIVE", fix='pip install "dialtone[archive]"'
            ) from None
        from botocore.config import Config

        return boto3.client("s3", config=Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 3}))

    async def _do(self, work: "Callable[[S3Client], T]", **absent: Any) -> T:
        return await asyncio.to_thread(self._now, work, absent)

    def _now(self, work: "Callable[[S3Client], T]", absent: dict[str, Any]) -> T:
        client = self._client
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return work(client)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _TAKEN:
                raise Taken from None
            if code in _ABSENT and absent:
                return absent["absent"]  # type: ignore[no-any-return]  # what the caller gives
            raise _refused(code) from error
        except BotoCoreError as error:
            raise _refused(type(error).__name__) from error


def _refused(why: str) -> DependencyError:
    return DependencyError(
        f"the S3 archive: {why}",
        field="DIALTONE_ARCHIVE",
        fix="see that the bucket is there, and that the credentials may write, list and read it",
    )
