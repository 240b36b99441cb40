"""An object store on this machine, and a process that works on it.

A process that has used tensorflow-io's client of S3 aborts when it ends: such a process must be another one than that
of the tests.
"""

import contextlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

BUCKET = 'bucket'


class Store:
    """A store with one bucket, and a process that has TensorFlow's file system for it."""

    def __init__(self, port: int, log: Any, folder: Any):
        """Waits for the server, makes the bucket, and starts the process.

        Args:
          port: The port of the server on this machine.
          log: The file to which the server writes a line per request.
          folder: Where the process leaves what it prints.
        """
        import boto3

        address = f'http://localhost:{port}'
        _wait_for(address)
        keys = {'AWS_ACCESS_KEY_ID': 'key', 'AWS_SECRET_ACCESS_KEY': 'secret', 'AWS_REGION': 'us-east-1'}
        self._log = log
        self._client = boto3.client(
            's3',
            endpoint_url=address,
            region_name=keys['AWS_REGION'],
            aws_access_key_id=keys['AWS_ACCESS_KEY_ID'],
            aws_secret_access_key=keys['AWS_SECRET_ACCESS_KEY'],
        )
        self._client.create_bucket(Bucket=BUCKET)
        self.environment = {
            **os.environ,
            **keys,
            'S3_ENDPOINT': address,
            'PYTHONPATH': os.pathsep.join(sys.path),
        }
        self._printed = folder / 'printed'
        command = [sys.executable, '-c', f'from {__name__} import _work; _work()']
        pipe = subprocess.PIPE
        with open(self._printed, 'wb') as file:
            self._process = subprocess.Popen(
                command, env=self.environment, stdin=pipe, stdout=pipe, stderr=file, text=True
            )

    def run(self, function: Any, *args: Any) -> Any:
        """Calls a function of a test module, with arguments and a result that JSON can hold, in the process."""
        print(
            json.dumps([function.__module__, function.__name__, args]), file=self._process.stdin, flush=True
        )
        answer = self._process.stdout.readline()
        if not answer.startswith('{'):
            pytest.fail(f'{function.__name__}{args} failed: {answer}\n{self._printed.read_text()[-4000:]}')
        return json.loads(answer)['result']

    def names(self, below: str = '') -> list[str]:
        """Returns the names of the objects whose names begin with that of a directory, without it."""
        pages = self._client.get_paginator('list_objects_v2').paginate(Bucket=BUCKET, Prefix=below)
        return [item['Key'].removeprefix(below) for page in pages for item in page.get('Contents', [])]

    def remove(self, name: str) -> None:
        """Removes an object."""
        self._client.delete_object(Bucket=BUCKET, Key=name)

    def put(self, name: str, data: bytes) -> None:
        """Writes an object."""
        self._client.put_object(Bucket=BUCKET, Key=name, Body=data)

    def requests(self) -> int:
        """Returns how many requests the server has answered until now."""
        return self._log.read_bytes().count(b'HTTP/1.1')

    def close(self) -> None:
        """Ends the process."""
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()


@contextlib.contextmanager
def serve(folder: Any) -> Iterator[Store]:
    """Starts a server and a process; skips where what they need is not installed.

    Args:
      folder: A `pathlib.Path` to write logs in.
    """
    for name in ('moto.server', 'tensorflow_io'):
        if importlib.util.find_spec(name.partition('.')[0]) is None:
            pytest.skip(f"{name} is not installed: pip install 'estimator_ckpt[s3]'")
    with socket.create_server(('localhost', 0)) as free:
        port = free.getsockname()[1]
    log = folder / 'requests'
    command = [sys.executable, '-m', 'moto.server', '-H', '127.0.0.1', '-p', str(port)]
    with open(log, 'wb') as file:
        server = subprocess.Popen(command, stdout=file, stderr=file)
    try:
        store = Store(port, log, folder)
        yield store
        store.close()
    finally:
        server.terminate()
        server.wait(60)


def _wait_for(address: str) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f'{address}/moto-api/', timeout=10).close()
            return
        time.sleep(0.1)
    pytest.fail(f'the server {address} does not answer')


def _work() -> None:
    """Runs what it reads from standard input, until that ends."""
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)  # What a function prints is no answer.
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
