"""Object stores on this machine, S3's and Google's, and a process that works on one.

A process that has used tensorflow-io's client of S3 aborts when it ends: such a process must be another one than that
of the tests.
"""

import abc
import contextlib
import importlib.util
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

BUCKET = 'bucket'


class Store(abc.ABC):
    """A store with one bucket, and a process that has TensorFlow's file system for it.

    Attributes:
      root: The path of the bucket.
      environment: The environment of a process that works on the store.
    """

    scheme: str
    needs: tuple[str, ...]

    def __init__(self, folder: pathlib.Path):
        """Starts the server and the process.

        Args:
          folder: Where they write what they print.
        """
        self.root = f'{self.scheme}://{BUCKET}'
        self._log, self._printed = folder / 'requests', folder / 'printed'
        port = free_port()
        with open(self._log, 'wb') as file:
            self._server = subprocess.Popen(self.command(port, folder), stdout=file, stderr=file)
        self.environment = os.environ | {'PYTHONPATH': os.pathsep.join(sys.path)}
        self.environment |= self.connect(port, folder)
        command, pipe = [sys.executable, '-c', f'from {__name__} import _work; _work()'], subprocess.PIPE
        with open(self._printed, 'wb') as file:
            self._process = subprocess.Popen(
                command, env=self.environment, stdin=pipe, stdout=pipe, stderr=file, text=True
            )

    @abc.abstractmethod
    def command(self, port: int, folder: pathlib.Path) -> list[str]:
        """Returns the command that starts the server.

        Args:
          port: The port to listen on.
          folder: A folder for its files.
        """

    @abc.abstractmethod
    def connect(self, port: int, folder: pathlib.Path) -> dict[str, str]:
        """Waits for the server, makes the bucket, and returns what a process needs in its environment.

        Args:
          port: The port.
          folder: A folder of the server's files.
        """

    @abc.abstractmethod
    def names(self, below: str = '') -> list[str]:
        """Returns the sorted names of the objects whose names begin with `below`, without it."""

    @abc.abstractmethod
    def remove(self, name: str) -> None:
        """Removes an object."""

    @abc.abstractmethod
    def put(self, name: str, data: bytes) -> None:
        """Writes an object."""

    def run(self, function: Any, *args: Any) -> Any:
        """Calls a function of a test module, with arguments and a result that JSON can hold, in the process."""
        print(
            json.dumps([function.__module__, function.__name__, args]), file=self._process.stdin, flush=True
        )
        answer = self._process.stdout.readline()
        if not answer.startswith('{'):
            pytest.fail(f'{function.__name__}{args} failed: {answer}\n{self._printed.read_text()[-4000:]}')
        return json.loads(answer)['result']

    def requests(self) -> int:
        """Returns how many requests the server has answered until now."""
        return self._log.read_bytes().count(b'HTTP/1.1')

    def close(self) -> None:
        """Ends the process and the server."""
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()
        self._server.terminate()
        self._server.wait(60)

    def wait_for(self, address: str) -> None:
        """Waits until the server answers."""
        for _ in range(600):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(address, timeout=10).close()
                return
            if self._server.poll() is not None:
                break
            time.sleep(0.1)
        pytest.fail(f'the server {address} does not answer:\n{self._log.read_text()[-4000:]}')


class S3(Store):
    """Amazon's store, by `moto`, and the file system of tensorflow-io."""

    scheme, needs = 's3', ('moto', 'tensorflow_io')

    def command(self, port: int, folder: pathlib.Path) -> list[str]:
        return [sys.executable, '-m', 'moto.server', '-H', '127.0.0.1', '-p', str(port)]

    def connect(self, port: int, folder: pathlib.Path) -> dict[str, str]:
        import boto3

        address = f'http://localhost:{port}'
        self.wait_for(f'{address}/moto-api/')
        self._client = boto3.client(
            's3',
            endpoint_url=address,
            region_name='us-east-1',
            aws_access_key_id='key',
            aws_secret_access_key='secret',
        )
        self._client.create_bucket(Bucket=BUCKET)
        keys = {'AWS_ACCESS_KEY_ID': 'key', 'AWS_SECRET_ACCESS_KEY': 'secret', 'AWS_REGION': 'us-east-1'}
        return {**keys, 'S3_ENDPOINT': address}

    def names(self, below: str = '') -> list[str]:
        pages = self._client.get_paginator('list_objects_v2').paginate(Bucket=BUCKET, Prefix=below)
        return _without_directories(
            item['Key'].removeprefix(below) for page in pages for item in page.get('Contents', [])
        )

    def remove(self, name: str) -> None:
        self._client.delete_object(Bucket=BUCKET, Key=name)

    def put(self, name: str, data: bytes) -> None:
        self._client.put_object(Bucket=BUCKET, Key=name, Body=data)


class GoogleStorage(Store):
    """Google's store, by `gcp-storage-emulator`, and TensorFlow's own file system.

    That takes no address: it goes to www.googleapis.com, here through a proxy that is the server.
    """

    scheme, needs = 'gs', ('cryptography', 'gcp_storage_emulator')

    def command(self, port: int, folder: pathlib.Path) -> list[str]:
        self._address = f'http://localhost:{free_port()}'
        server = pathlib.Path(__file__).with_name('google_storage.py')
        return [sys.executable, str(server), str(port), self._address.rpartition(':')[2], BUCKET, str(folder)]

    def connect(self, port: int, folder: pathlib.Path) -> dict[str, str]:
        self.wait_for(f'{self._address}/storage/v1/b')
        return {
            'https_proxy': f'http://localhost:{port}',
            'CURL_CA_BUNDLE': str(folder / 'certificate.pem'),
            'GOOGLE_AUTH_TOKEN_FOR_TESTING': 'token',
            'NO_GCE_CHECK': 'true',
        }

    def names(self, below: str = '') -> list[str]:
        query = urllib.parse.urlencode({'prefix': below, 'maxResults': 1000})
        found = json.loads(self._ask('GET', f'storage/v1/b/{BUCKET}/o?{query}'))
        return _without_directories(item['name'].removeprefix(below) for item in found.get('items', []))

    def remove(self, name: str) -> None:
        self._ask('DELETE', f'storage/v1/b/{BUCKET}/o/{urllib.parse.quote(name, safe="")}')

    def put(self, name: str, data: bytes) -> None:
        query = urllib.parse.urlencode({'uploadType': 'media', 'name': name})
        self._ask('POST', f'upload/storage/v1/b/{BUCKET}/o?{query}', data)

    def _ask(self, method: str, path: str, data: bytes | None = None) -> bytes:
        request = urllib.request.Request(f'{self._address}/{path}', data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()


KINDS = {kind.scheme: kind for kind in (S3, GoogleStorage)}


@contextlib.contextmanager
def serve(scheme: str, folder: pathlib.Path) -> Iterator[Store]:
    """Starts a store; skips the test where what it needs is not installed.

    Args:
      scheme: `'s3'` or `'gs'`.
      folder: A folder to write in.
    """
    kind = KINDS[scheme]
    for name in kind.needs:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed: pip install 'estimator_ckpt[test]'")
    store = kind(folder)
    try:
        yield store
    finally:
        store.close()


def free_port() -> int:
    """Returns a port that nobody listens on."""
    with socket.create_server(('localhost', 0)) as server:
        return server.getsockname()[1]


def _work() -> None:
    """Runs what it reads from standard input, until that ends."""
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)  # What a function prints is no answer.
    with contextlib.suppress(ImportError):
        import tensorflow_io  # noqa: F401, for its file systems.

    for line in sys.stdin:
        module, function, args = json.loads(line)
        try:
            result = getattr(importlib.import_module(module), function)(*args)
            print(json.dumps({'result': result}), file=answers, flush=True)
        except BaseException as error:
            sys.excepthook(*sys.exc_info())
            print(repr(error).replace('\n', ' '), file=answers, flush=True)
    os._exit(0)


def _without_directories(names: Iterable[str]) -> list[str]:
    """Returns names in order, without the objects that TensorFlow may keep for directories that it was told to make.

    Those of staging folders, which must not be left over, stay.
    """
    return sorted(name for name in names if (name and not name.endswith('/')) or '.saving-' in name)
