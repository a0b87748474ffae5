"""A picture from the web: so many bytes at most, in so much time."""

from __future__ import annotations

import http.client
import os
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import unquote, urlsplit

from headcount.schemas.errors import UsageError

MOST_BYTES: Final = 200_000_000
"""Largest download."""

_PIECE: Final = 2**16
_LONGEST_NAME: Final = 200


@contextmanager
def downloaded(address: str, seconds: float) -> Iterator[str]:
    """The path of a local copy of the picture at an http(s) address, which exists only inside the context.

    Raises UsageError for what cannot be fetched, is larger than MOST_BYTES or takes longer than `seconds`.
    """
    try:
        if urlsplit(address).scheme.lower() not in ("http", "https"):
            raise UsageError(f"{address}: give a local picture, or an http or https address")
        content = _fetch(address, seconds)
    except (OSError, ValueError, http.client.HTTPException) as error:
        why = str(error) or type(error).__name__
        raise UsageError(f"{address} cannot be fetched ({why}); check the address") from error
    with tempfile.TemporaryDirectory(prefix="headcount-") as folder:
        path = os.path.join(folder, name_of(address))
        with open(path, "wb") as file:
            file.write(content)
        yield path


def name_of(address: str) -> str:
    """The name of the file at an address, which may be its date; `photo` where it has none."""
    name = os.path.basename(unquote(urlsplit(address).path)).replace("\0", "").lstrip(".")
    return name if 0 < len(os.fsencode(name)) <= _LONGEST_NAME else "photo"


def _fetch(address: str, seconds: float) -> bytes:
    end = time.monotonic() + seconds
    content = bytearray()
    with urllib.request.urlopen(address, timeout=min(seconds, 30)) as response:
        while piece := response.read1(_PIECE):
            content += piece
            if len(content) > MOST_BYTES:
                raise UsageError(
                    f"{address} is larger than {MOST_BYTES // 1_000_000} MB; save it and give the file"
                )
            if time.monotonic() > end:
                raise UsageError(
                    f"{address} takes longer than {seconds:g} s; raise --photo_timeout, or save it and give"
                    " the file"
                )
    return bytes(content)
