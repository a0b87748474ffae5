"""Buckets of the tests: Amazon's interface by moto, Google's by an emulator, both in this process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

BUCKET = "headcount-test"


@dataclass(frozen=True)
class Store:
    """A bucket on an emulator in this process."""

    url: str
    client: Any

    def put(self, name: str, content: bytes) -> None:
        """By the bucket's own client: Beam's cannot write an empty object to S3."""
        if self.url.startswith("s3"):
            self.client.put_object(Bucket=BUCKET, Key=name, Body=content)
        else:
            self.client.bucket(BUCKET).blob(name).upload_from_string(content)

    def upload(self, folder: Path, below: str) -> str:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(f"{below}/{path.relative_to(folder)}", path.read_bytes())
        return f"{self.url}/{below}"


@pytest.fixture(scope="session")
def s3() -> Iterator[Store]:
    server_of = pytest.importorskip("moto.server")
    boto3 = pytest.importorskip("boto3")
    server = server_of.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", address)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield Store(f"s3://{BUCKET}", client)
    server.stop()


@pytest.fixture(scope="session")
def gs() -> Iterator[Store]:
    emulator = pytest.importorskip("gcp_storage_emulator.server")
    storage = pytest.importorskip("google.cloud.storage")
    import google.auth
    from google.auth.credentials import AnonymousCredentials

    server = emulator.create_server("127.0.0.1", 0, in_memory=True)
    server.start()
    address = f"http://127.0.0.1:{server._api._httpd.server_port}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", address)
        patch.setattr(google.auth, "default", lambda *args, **kwargs: (AnonymousCredentials(), "nobody"))
        client = storage.Client(credentials=AnonymousCredentials(), project="nobody")
        client.create_bucket(BUCKET)
        yield Store(f"gs://{BUCKET}", client)
    server.stop()
