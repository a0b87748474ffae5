"""Files on this machine and in buckets (`gs://`, `s3://`), opened alike.

Buckets are opened with Beam's own clients, since they know the credentials, endpoints and service accounts
that the engine's options give to every worker; pyarrow and fsspec take each of these in a way of their own,
and another package for each kind of bucket. They are never listed or emptied with Beam's file systems, for
which the name `out [1]` is a pattern that `out 1` matches: names here are literal.

Beam takes seconds to import, and a process that only reads local photos does without. What a bucket's
client raises becomes OSError here, as it is for local files.
"""

from __future__ import annotations

import copy
import errno
import functools
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from apache_beam.io.aws.s3io import S3IO
    from apache_beam.io.filesystems import FileSystems
    from apache_beam.io.gcp.gcsio import GcsIO
    from apache_beam.options.pipeline_options import PipelineOptions


def is_remote(path: str) -> bool:
    """Whether `path` names a bucket rather than this machine."""
    return "://" in path


def is_glob(name: str) -> bool:
    """Whether `name` may be a pattern of names: it has a `*`, `?` or `[`, which may be plain letters too."""
    return any(letter in name for letter in "*?[")


def join(root: str, *names: str) -> str:
    """The path of something below `root`."""
    return "/".join([root.rstrip("/"), *names]) if is_remote(root) else os.path.join(root, *names)


def open_file(path: str) -> BinaryIO:
    """A file for reading, seekable; raises OSError, also for a pipe or a device, which could be endless."""
    if not is_remote(path):
        return open(path, "rb", opener=_open_regular)
    with os_errors():
        if path.startswith("s3://"):
            return _amazon_io().open(path, "rb")
        return _beam().open(path, compression_type="uncompressed")


def _open_regular(path: str, flags: int) -> int:
    # Without O_NONBLOCK, to open a pipe waits for whoever writes to it.
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "a folder, pipe or device is not read", path)


def create_file(path: str) -> BinaryIO:
    """A new file for writing, which is there when it is closed; folders are made. Raises OSError."""
    if not is_remote(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return open(path, "wb")
    with os_errors():
        if path.startswith("s3://"):
            return _amazon_io().open(path, "wb")
        return _beam().create(path, compression_type="uncompressed")


def read_bytes(path: str, count: int = -1) -> bytes:
    """The first `count` bytes of a file, by default all; raises OSError."""
    with open_file(path) as file, os_errors():
        return file.read(count)


@contextmanager
def local_copy(path: str) -> Iterator[str]:
    """The path of a local file with the content of `path`: its own, or that of a copy which goes afterwards.

    Parquet is read by path: threads of pyarrow that read from a Python file may abort the interpreter at its
    end, or never let it end (apache/arrow issue 50482).
    """
    if not is_remote(path):
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="headcount-") as copied:
        with os_errors(), open_file(path) as file:
            shutil.copyfileobj(file, copied, 2**20)
        copied.flush()
        yield copied.name


def write_bytes(path: str, content: bytes) -> None:
    """Writes a whole file; raises OSError."""
    with os_errors(), create_file(path) as file:
        file.write(content)


def exists(path: str) -> bool:
    """Whether there is a file at `path`; raises OSError where that cannot be known."""
    if not is_remote(path):
        return os.path.isfile(path)
    first = next(list_objects(path, most=1), None)
    return first is not None and first.path == path


class StoredObject(NamedTuple):
    """An object of a bucket as it was listed."""

    path: str
    size: int
    modified: float
    """Seconds since 1970."""


def list_objects(prefix: str, most: int | None = None) -> Iterator[StoredObject]:
    """The objects whose addresses begin with `prefix`, in the order of their addresses; raises OSError.

    A bucket's name is part of `prefix`, with its slash.
    """
    for objects, _ in _pages(prefix, "", most):
        yield from objects


def list_level(prefix: str) -> tuple[list[StoredObject], list[str]]:
    """The objects whose addresses begin with `prefix` and have no slash after it, and the longer prefixes,
    up to a slash, of all others that begin so. Raises OSError.
    """
    objects: list[StoredObject] = []
    longer: list[str] = []
    for more, prefixes in _pages(prefix, "/", None):
        objects += more
        longer += prefixes
    return objects, longer


_Page = tuple[list[StoredObject], list[str]]


def _pages(prefix: str, delimiter: str, most: int | None) -> Iterator[_Page]:
    scheme, _, path = prefix.partition("://")
    bucket, _, name = path.partition("/")
    if scheme not in ("gs", "s3"):
        raise OSError(f"{scheme}:// is not known here")
    pages = _amazon_pages if scheme == "s3" else _google_pages
    with os_errors():
        yield from pages(bucket, name, delimiter, most)


def _amazon_pages(bucket: str, prefix: str, delimiter: str, most: int | None) -> Iterator[_Page]:
    client = _amazon_client(_beam()._pipeline_options).client
    place = f"s3://{bucket}/"
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=prefix, Delimiter=delimiter, PaginationConfig={"MaxItems": most}
    )
    for page in pages:
        yield (
            [
                StoredObject(place + found["Key"], found["Size"], found["LastModified"].timestamp())
                for found in page.get("Contents", ())
            ],
            [place + longer["Prefix"] for longer in page.get("CommonPrefixes", ())],
        )


def _google_pages(bucket: str, prefix: str, delimiter: str, most: int | None) -> Iterator[_Page]:
    place = f"gs://{bucket}/"
    found = _google_io().client.list_blobs(
        bucket, prefix=prefix, delimiter=delimiter or None, max_results=most
    )
    for page in found.pages:
        objects = [StoredObject(place + blob.name, blob.size, blob.updated.timestamp()) for blob in page]
        yield objects, [place + longer for longer in page.prefixes]


def delete_from_bucket(paths: Sequence[str]) -> None:
    """Removes objects of one bucket; raises OSError."""
    if paths:
        with os_errors():
            amazon = paths[0].startswith("s3://")
            done = (
                _amazon_io().delete_files(list(paths)) if amazon else _google_io().delete_batch(list(paths))
            )
        for path, error in done:
            if error:
                raise OSError(f"{path} cannot be removed: {error}")


def copy_in_bucket(sources: Sequence[str], targets: Sequence[str]) -> None:
    """Copies objects to other names; raises OSError."""
    with os_errors():
        _beam().copy(list(sources), list(targets))


class ChangedError(OSError):
    """An object is not as it was read."""


def read_versioned(path: str) -> tuple[bytes, str] | None:
    """The content of an object in a bucket, and what `replace_version` knows it by; None where there is none.

    Raises OSError.
    """
    bucket, _, name = path.partition("://")[2].partition("/")
    with os_errors():
        if path.startswith("s3://"):
            client = _amazon_client(_beam()._pipeline_options).client
            try:
                found = client.get_object(Bucket=bucket, Key=name)
            except client.exceptions.NoSuchKey:
                return None
            return found["Body"].read(), found["ETag"]
        blob = _google_client(_beam()._pipeline_options).bucket(bucket).get_blob(name)
        return None if blob is None else (blob.download_as_bytes(), str(blob.generation or ""))


def replace_version(path: str, content: bytes, version: str | None) -> None:
    """Writes an object in a bucket if it still has this version, None for no object.

    Raises ChangedError where it has another, and OSError. The bucket decides: of two that replace one
    version, one fails.
    """
    write = _replace_amazon if path.startswith("s3://") else _replace_google
    bucket, _, name = path.partition("://")[2].partition("/")
    with os_errors():
        if not write(bucket, name, content, version):
            # A client that hears no answer tries again, and finds its own object.
            now = read_versioned(path)
            if now is None or now[0] != content:
                raise ChangedError(f"{path} was replaced by another in the meantime")


def _replace_amazon(bucket: str, name: str, content: bytes, version: str | None) -> bool:
    client = _amazon_client(_beam()._pipeline_options).client
    condition = {"IfMatch": version} if version else {"IfNoneMatch": "*"}
    try:
        client.put_object(Bucket=bucket, Key=name, Body=content, **condition)
    except client.exceptions.ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "NotImplemented":  # An older service of the same interface, which has no conditions.
            client.put_object(Bucket=bucket, Key=name, Body=content)
            return True
        if code in ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"):
            return False
        raise
    return True


def _replace_google(bucket: str, name: str, content: bytes, version: str | None) -> bool:
    from google.api_core.exceptions import PreconditionFailed

    # An emulator may have no generations. Generation 0 is that of no object.
    generation = None if version == "" else int(version or 0)
    blob = _google_client(_beam()._pipeline_options).bucket(bucket).blob(name)
    try:
        blob.upload_from_string(content, if_generation_match=generation)
    except PreconditionFailed:
        return False
    return True


def _amazon_io() -> S3IO:
    """Beam's S3 as its file system has it, except that one client serves all files: to make one takes a fifth
    of a second of processor time, as long as everything else that is done with a photo."""
    from apache_beam.io.aws.s3io import S3IO

    # A client of boto3 may be shared by threads; Beam's wrapper, which holds the current file, may not.
    return S3IO(client=copy.copy(_amazon_client(_beam()._pipeline_options)))


@functools.lru_cache(maxsize=1)
def _amazon_client(options: PipelineOptions) -> Any:
    from apache_beam.io.aws.clients.s3.boto3_client import Client

    return Client(options)


def _google_io() -> GcsIO:
    from apache_beam.io.gcp.gcsio import GcsIO

    options = _beam()._pipeline_options
    return GcsIO(_google_client(options), options)


@functools.lru_cache(maxsize=1)
def _google_client(options: PipelineOptions) -> Any:
    from apache_beam.io.gcp.gcsio import create_storage_client

    return create_storage_client(options)


def _beam() -> type[FileSystems]:
    from apache_beam.io.filesystems import FileSystems
    from apache_beam.options.pipeline_options import PipelineOptions

    if FileSystems._pipeline_options is None:  # Neither a run nor a worker has set them.
        FileSystems.set_options(PipelineOptions([]))
    return FileSystems


@contextmanager
def os_errors() -> Iterator[None]:
    """Turns what a bucket's client raises into OSError."""
    try:
        yield
    except (OSError, MemoryError):
        raise
    except Exception as error:  # Each client has classes of its own.
        raise OSError(f"{type(error).__name__}: {error}") from error
