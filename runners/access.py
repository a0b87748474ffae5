"""Whether a bucket can be reached, known in seconds: Beam's file systems try again for minutes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from apache_beam.options.pipeline_options import PipelineOptions

from headcount.schemas.errors import UsageError

_SECONDS: Final = 10.0
_MOST_SECONDS: Final = 30.0
"""For an answer, and for all around it: to import a client, to find credentials, to try again."""


def check_access(place: str, options: PipelineOptions) -> None:
    """Raises UsageError unless objects can be listed at `place`, a `gs://` or `s3://` address."""
    scheme, _, path = place.partition("://")
    if scheme not in _LIST:
        raise UsageError(f"{place}: {scheme}:// is not known here; give a folder, gs:// or s3://")
    extra, list_one = _LIST[scheme]
    bucket, _, prefix = path.partition("/")
    try:
        _within(_MOST_SECONDS, list_one, bucket, prefix.split("*")[0], options)
    except ImportError as error:
        raise UsageError(f"{place}: {scheme}:// needs another package; install headcount[{extra}]") from error
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from error
    except Exception as error:  # Each client has classes of its own, without a common one.
        why = next(iter(str(error).splitlines()), f"{type(error).__name__} after {_MOST_SECONDS:g} s")
        raise UsageError(f"{place} cannot be reached ({why}); check the address and your access") from error


def _within(seconds: float, function: Callable[..., None], *args: object) -> None:
    """Calls `function`, whose own limits are others' to keep; raises what it does, or TimeoutError."""
    result: Future[None] = Future()

    def call() -> None:
        try:
            function(*args)
            result.set_result(None)
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    result.result(seconds)


def _list_google(bucket: str, prefix: str, options: PipelineOptions) -> None:
    import google.auth
    from apache_beam.io.gcp.gcsio import create_storage_client

    emulated = bool(os.environ.get("STORAGE_EMULATOR_HOST"))
    try:
        if not emulated:
            google.auth.default()
    except google.auth.exceptions.DefaultCredentialsError as error:
        raise UsageError(
            "no Google credentials; run `gcloud auth application-default login`,"
            " or name a key file in GOOGLE_APPLICATION_CREDENTIALS"
        ) from error
    client = create_storage_client(options, use_credentials=not emulated)
    next(iter(client.list_blobs(bucket, prefix=prefix, max_results=1, timeout=_SECONDS, retry=None)), None)


def _list_amazon(bucket: str, prefix: str, options: PipelineOptions) -> None:
    from apache_beam.io.aws.clients.s3.boto3_client import Client
    from apache_beam.options.pipeline_options import S3Options
    from botocore.exceptions import NoCredentialsError

    try:
        client = Client(options.view_as(S3Options)).client
        client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
    except NoCredentialsError as error:
        raise UsageError(
            "no AWS credentials; run `aws configure`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        ) from error


_LIST: Final[dict[str, tuple[str, Callable[[str, str, PipelineOptions], None]]]] = {
    "gs": ("gcp", _list_google),
    "s3": ("aws", _list_amazon),
}
"""By scheme: the extra that it needs, and a request that lists one object."""
