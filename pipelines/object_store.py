"""Folders in an S3-compatible store, used like folders of a file system.

Here: `ObjectPath`, which has what the store of tables needs of `pathlib.Path`, in the same words.
Add here: another call of `Path` that the store comes to need.
Keep out: tables, and secrets: they come from the environment (`AWS_...`), as for every other client of such a store.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

SCHEME = "s3://"


@dataclass(frozen=True, order=True)
class ObjectPath:
    """`s3://bucket/key`, or all keys that begin like it. An object is there whole or not at all: nothing is locked."""

    bucket: str
    key: PurePosixPath

    @classmethod
    def of(cls, address: str) -> "ObjectPath":
        """From `s3://bucket/key`."""
        bucket, _, key = address.removeprefix(SCHEME).partition("/")
        return cls(bucket, PurePosixPath(key))

    def __str__(self) -> str:
        return f"{SCHEME}{self._place}"

    def __fspath__(self) -> str:
        return str(self)

    def __truediv__(self, part: "str | PurePosixPath") -> "ObjectPath":
        return ObjectPath(self.bucket, self.key / part)

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.name

    @property
    def stem(self) -> str:
        """The last part of the key, without its suffix."""
        return self.key.stem

    @property
    def parent(self) -> "ObjectPath":
        """The folder."""
        return ObjectPath(self.bucket, self.key.parent)

    def with_name(self, name: str) -> "ObjectPath":
        """Beside this one."""
        return ObjectPath(self.bucket, self.key.with_name(name))

    def mkdir(self, parents: bool = False, exist_ok: bool = False) -> None:
        """Nothing: a key needs no folder."""

    def exists(self) -> bool:
        """Whether there is such an object."""
        from pyarrow.fs import FileType

        return _files().get_file_info(self._place).type == FileType.File

    def read_bytes(self) -> bytes:
        """The object. Raises `FileNotFoundError`."""
        with _files().open_input_stream(self._place) as stream:
            return bytes(stream.read())

    def read_text(self, encoding: str = "utf-8") -> str:
        """The object as text. Raises `FileNotFoundError`."""
        return self.read_bytes().decode(encoding)

    def write_bytes(self, content: bytes) -> int:
        """Replaces the object at once."""
        with _files().open_output_stream(self._place) as stream:
            stream.write(content)
        return len(content)

    def write_text(self, text: str, encoding: str = "utf-8") -> int:
        """Replaces the object at once."""
        return self.write_bytes(text.encode(encoding))

    def replace(self, target: "Path | ObjectPath") -> "ObjectPath":
        """Renames the object. A store can only copy and delete; each of the two is whole."""
        if not isinstance(target, ObjectPath):
            raise ValueError(f"{self} cannot become {target}: one is in a store, the other is not.")
        _files().copy_file(self._place, target._place)
        _files().delete_file(self._place)
        return target

    def unlink(self, missing_ok: bool = False) -> None:
        """Deletes the object. Raises `FileNotFoundError`."""
        try:
            _files().delete_file(self._place)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def glob(self, pattern: str) -> "Iterator[ObjectPath]":
        """The objects right below this folder whose names fit."""
        from pyarrow.fs import FileSelector, FileType

        for found in _files().get_file_info(FileSelector(self._place, allow_not_found=True)):
            if found.type == FileType.File and fnmatchcase(found.base_name, pattern):
                yield self / found.base_name

    @property
    def _place(self) -> str:
        return f"{self.bucket}/{self.key}"


Folder = Path | ObjectPath


def folder(address: str) -> Folder:
    """A folder of a file system, or of a store: `s3://bucket/prefix`."""
    if address.startswith(SCHEME):
        allow_plain_http()
        return ObjectPath.of(address)
    return Path(address).absolute()


def allow_plain_http() -> None:
    """Polars asks for leave to speak to a store without encryption; whoever names such an address has given it."""
    if os.environ.get("AWS_ENDPOINT_URL_S3", os.environ.get("AWS_ENDPOINT_URL", "")).startswith("http://"):
        os.environ.setdefault("AWS_ALLOW_HTTP", "true")


@cache
def _files() -> "FileSystem":
    from pyarrow.fs import FileSystem

    return FileSystem.from_uri(f"{SCHEME}bucket")[0]
