"""Bring a day's files from an object store (S3, Google Cloud Storage, Azure) into a folder that has their names.

What lies in the store is listed, and each object is an empty file of that folder until it is wanted: whatever looks for files in a
home then looks there. Credentials come from the environment, and their values are in no message.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from billing_recon.core.errors import LandingRefused
from billing_recon.core.feed import Feed
from billing_recon.core.feed_path import any_period, path_on, span_of
from billing_recon.feeds.tables.credentials import hidden, secrets_of

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo, FileSystem

OBJECTS_MAX = 100_000
"""Objects that are listed for a table's day."""
_SECONDS = 60.0
_SECRET = ("KEY", "SECRET", "TOKEN", "PASSWORD", "SAS")
_STORES = ("AWS_", "GOOGLE_", "AZURE_")
_CURES = {
    "s3": "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and, of a store other than Amazon's, AWS_ENDPOINT_URL",
    "gs": "check GOOGLE_APPLICATION_CREDENTIALS",
    "abfs": "check AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, AZURE_STORAGE_SAS_TOKEN, or the variables of an identity",
}


class ObjectStore:
    """The bucket of a feed's path, listed into `folder`."""

    def __init__(
        self, key: str, feed: Feed, day: date, folder: Path, environment: Mapping[str, str] = os.environ
    ) -> None:
        """List the objects that the feed's path may name. Raise LandingRefused if the store does not let us."""
        assert feed.path is not None
        self.folder = folder
        self._key = key
        self._scheme, _, rest = feed.path.partition("://")
        bucket, _, _ = rest.partition("/")
        self._bucket = bucket.partition("@")[0]
        self._where = f"{self._scheme}://{bucket}"
        self._environment = environment
        pattern = any_period(feed.path) if span_of(feed.path) == "period" else path_on(feed.path, day)
        self._list(pattern.removeprefix(f"{self._where}/"))

    def _list(self, pattern: str) -> None:
        fixed = PurePosixPath(pattern).parent
        while any(set(part) & set("*?[") for part in fixed.parts):
            fixed = fixed.parent
        begin = "" if fixed == PurePosixPath() else f"{fixed}"
        below = len(PurePosixPath(pattern).parts) - len(fixed.parts) > 1
        try:
            self._store = _opened(self._scheme, self._where, self._environment)
            found = self._found(begin, below=below)
            if not found:
                self._refuse_unless_there()
        except OSError as error:
            raise self._refusal(error) from None
        if len(found) > OBJECTS_MAX:
            raise LandingRefused(
                f"{self._key}: {self._where}/{begin} has more than {OBJECTS_MAX:,} objects; put the day or month into a folder of the path, "
                "so that fewer are listed"
            )
        for info in found:
            self._name(info)

    def _found(self, begin: str, *, below: bool) -> list[FileInfo]:
        from pyarrow.fs import FileSelector

        place = f"{self._bucket}/{begin}".rstrip("/")
        return list(self._store.get_file_info(FileSelector(place, allow_not_found=True, recursive=below)))

    def _refuse_unless_there(self) -> None:
        """Raise LandingRefused if the bucket does not exist: an empty one only says that nothing was delivered."""
        from pyarrow.fs import FileType

        (info,) = self._store.get_file_info([self._bucket])
        if info.type is FileType.NotFound:
            raise LandingRefused(f"{self._key}: there is no bucket {self._where}; correct the feed's path")

    def _name(self, info: FileInfo) -> None:
        """Create an empty file or a folder with the name of the object."""
        from pyarrow.fs import FileType

        place = self.folder / self._local(info.path)
        if not place.is_relative_to(self.folder) or ".." in place.parts:
            return  # no pattern names it
        try:
            if info.type is FileType.Directory:
                place.mkdir(parents=True, exist_ok=True)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.touch()
        except (OSError, ValueError) as error:
            raise LandingRefused(
                f"{self._key}: the object {self._scheme}://{info.path} cannot be copied under its name ({type(error).__name__}); rename it"
            ) from None

    def _local(self, path: str) -> Path:
        inside = path.partition("/")[2]
        return Path(f"{self._where}/{inside}")

    def fetch(self, files: list[Path]) -> None:
        """Copy the content of these files of the folder from the store."""
        for file in files:
            inside = file.relative_to(self.folder).relative_to(Path(self._where)).as_posix()
            try:
                with self._store.open_input_stream(f"{self._bucket}/{inside}") as source, file.open("wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
            except OSError as error:
                raise self._refusal(error, f"/{inside}") from None

    def _refusal(self, error: OSError, inside: str = "") -> LandingRefused:
        return LandingRefused(
            f"{self._key}: {self._where}{inside} cannot be read: {hidden(str(error), _secrets(self._environment))}; {_CURES[self._scheme]} "
            "in the environment, and that the user may list and read the bucket"
        )


def _secrets(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values of credentials, the longest first."""
    named = {
        value
        for name, value in environment.items()
        if name.startswith(_STORES) and len(value) > 3 and any(word in name for word in _SECRET)
    }
    named |= set(secrets_of(_endpoint(environment) or ""))
    return tuple(sorted(named, key=len, reverse=True))


def _endpoint(environment: Mapping[str, str]) -> str | None:
    return environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")


def _opened(scheme: str, where: str, environment: Mapping[str, str]) -> FileSystem:
    from pyarrow import fs

    bucket = where.partition("://")[2]
    if scheme == "gs":
        other = urlsplit(environment.get("CLOUD_STORAGE_EMULATOR_ENDPOINT") or "")
        return fs.GcsFileSystem(
            anonymous=bool(other.netloc),
            endpoint_override=other.netloc or None,
            scheme=other.scheme or "https",
            retry_time_limit=timedelta(seconds=_SECONDS),
        )
    if scheme == "abfs":
        _, _, host = bucket.partition("@")
        account = host.partition(".")[0] or environment.get("AZURE_STORAGE_ACCOUNT_NAME")
        if not account:
            raise OSError("the storage account is not named")
        other = urlsplit(environment.get("AZURE_STORAGE_SERVICE_ENDPOINT") or "")
        elsewhere = {
            f"{kind}_storage_{part}": value
            for kind in ("blob", "dfs")
            for part, value in (("authority", other.netloc), ("scheme", other.scheme))
        }
        return fs.AzureFileSystem(
            account,
            **(elsewhere if other.netloc else {}),
            account_key=environment.get("AZURE_STORAGE_ACCOUNT_KEY"),
            sas_token=environment.get("AZURE_STORAGE_SAS_TOKEN"),
        )
    endpoint = urlsplit(_endpoint(environment) or "")
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    return fs.S3FileSystem(
        region=region or (None if endpoint.netloc else fs.resolve_s3_region(bucket)),
        endpoint_override=endpoint.netloc or None,
        scheme=endpoint.scheme or "https",
        connect_timeout=10.0,
        request_timeout=_SECONDS,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=3),
    )
