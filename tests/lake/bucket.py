"""A server that speaks S3, and buckets of it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import obstore
import pytest
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIDTEST",
    "AWS_SECRET_ACCESS_KEY": "a-secret-of-the-store",
    "AWS_REGION": "us-east-1",
    "AWS_ALLOW_HTTP": "true",
}


@contextmanager
def serving() -> Iterator[dict[str, str]]:
    """The environment of who uses the server."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line a request is slow
    host, port = server.get_host_and_port()
    try:
        yield {**ENVIRONMENT, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}
    finally:
        server.stop()


def new_bucket(environment: dict[str, str], patch: pytest.MonkeyPatch) -> str:
    """The address of a folder in a new bucket."""
    import boto3  # noqa: PLC0415 - slow, and for few tests

    for name, value in environment.items():
        patch.setenv(name, value)
    name = f"b{uuid4().hex}"
    boto3.client(
        "s3", endpoint_url=environment["AWS_ENDPOINT_URL"], region_name="us-east-1"
    ).create_bucket(Bucket=name)
    return f"s3://{name}/of us"


def paths(address: str) -> set[str]:
    """Every object below the address."""
    store = S3Store.from_url(address)
    return {each["path"] for page in obstore.list(store) for each in page}


def save(address: str, folder: Path) -> Path:
    """Copy every object below the address into the folder."""
    store = S3Store.from_url(address)
    for path in paths(address):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(obstore.get(store, path).bytes())
    return folder


def remove(address: str, path: str) -> None:
    """Delete an object behind the lake's back."""
    obstore.delete(S3Store.from_url(address), path)
