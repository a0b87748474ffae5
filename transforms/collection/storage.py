"""Files on this machine and in buckets (`gs://`, `s3://`), opened alike; buckets by Beam's file systems.

Beam takes seconds to import, and a process that only reads local photos does without. What a bucket's
client raises becomes OSError here, as it is for local files.
"""

from __future__ import annotations

import copy
import functools
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from apache_beam.io.aws.s3io import S3IO
    from apache_beam.io.filesystem import FileMetadata
    from apache_beam.io.filesystems import FileSystems
    from apache_beam.options.pipeline_options import PipelineOptions


def is_remote(path: str) -> bool:
    """Whether `path` names a bucket rather than this machine."""
    return "://" in path


def join(root: str, *names: str) -> str:
    """The path of something below `root`."""
    return "/".join([root.rstrip("/"), *names]) if is_remote(root) else os.path.join(root, *names)


def open_file(path: str) -> BinaryIO:
    """A file for reading, seekable; raises OSError."""
    if not is_remote(path):
        return open(path, "rb")
    with os_errors():
        if path.startswith("s3://"):
            return _amazon_io().open(path, "rb")
        return _beam().open(path, compression_type="uncompressed")


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
    """Whether there is a file at `path`; raises OSError where that cannot be told."""
    if not is_remote(path):
        return os.path.isfile(path)
    return any(found.path == path for found in list_bucket(path))


def list_bucket(pattern: str, most: int | None = None) -> Sequence[FileMetadata]:
    """The objects that match `pattern`, in which `*` stops at a slash and `**` does not; raises OSError."""
    with os_errors():
        return _beam().match([pattern], None if most is None else [most])[0].metadata_list


def delete_from_bucket(paths: Sequence[str]) -> None:
    """Removes objects; raises OSError."""
    if paths:
        with os_errors():
            _beam().delete(list(paths))


def copy_in_bucket(sources: Sequence[str], targets: Sequence[str]) -> None:
    """Copies objects to other names; raises OSError."""
    with os_errors():
        _beam().copy(list(sources), list(targets))


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
