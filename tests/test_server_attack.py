"""openslide serve under attack and load: what it describes, what is hostile, what lasts.

`make browser` installs schemathesis.  OPENSLIDE_LOAD_SECONDS says how long the load lasts,
by default a few seconds.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.served import Client, Command, serving
from tests.slides import write
from tests.slides.stored import blank, stored_tile

SECONDS = float(os.environ.get("OPENSLIDE_LOAD_SECONDS", "6"))
CLIENTS = 8

SLIDE = "aperio-scanscope.svs"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    path = write("aperio-scanscope", folder).path
    path.with_suffix(".geojson").write_text('{"type": "FeatureCollection"}')
    return folder


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Client]:
    with serving(folder) as client:
        yield client


def test_answers_are_those_that_are_described(client: Client) -> None:
    schemathesis = pytest.importorskip("schemathesis")
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis.specs.openapi import checks as openapi_checks

    checks = [
        schemathesis.checks.not_a_server_error,
        openapi_checks.status_code_conformance,
        openapi_checks.content_type_conformance,
        openapi_checks.response_schema_conformance,
    ]
    address = f"http://localhost:{client.port}/openapi.json"
    operations = [
        result.ok()
        for result in schemathesis.openapi.from_url(address).get_all_operations()
    ]
    assert len(operations) > 10
    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(
            max_examples=6,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def ask(case: Any) -> None:
            if "slide" in (case.path_parameters or {}):
                case.call_and_validate(checks=checks)
                case.path_parameters["slide"] = SLIDE
            case.call_and_validate(checks=checks)

        ask()


RAW = [
    b"\r\n\r\n",
    b"\x00\xff" * 200,
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET //evil.example/%2e%2e HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + 200_000 * b"a" + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n" + 2000 * b"A: b\r\n" + b"\r\n",
    b"GET /" + 100_000 * b"a" + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: "
    + 5000 * b'",'
    + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: \xff=\xfe; a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: x\r\n\r\n",
    b"GET /?token=%ff&%00=%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]


@pytest.mark.parametrize("request_bytes", RAW, ids=lambda raw: repr(raw[:30]))
def test_hostile_requests_end_nothing_but_themselves(
    client: Client, request_bytes: bytes
) -> None:
    with socket.create_connection(("localhost", client.port), timeout=10) as hostile:
        hostile.sendall(request_bytes)
        hostile.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while data := hostile.recv(65536):
                answer += data
        except ConnectionResetError:
            pass
    assert b" 500 " not in answer[:20]
    assert client.get("healthz").status == 200


def test_idle_connections_keep_nobody_out(client: Client) -> None:
    idle = []
    for number in range(200):
        connection = socket.create_connection(("localhost", client.port))
        if number % 2:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: loc")
        idle.append(connection)
    assert client.get(f"{SLIDE}/thumbnail.jpeg").status == 200
    for connection in idle:
        connection.close()


class Load:
    """Clients that ask for all kinds of things, and somebody who changes the slides."""

    def __init__(self, client: Client, folder: Path) -> None:
        self.client = client
        self.folder = folder
        self.sound = (folder / SLIDE).read_bytes()
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.until = time.monotonic() + SECONDS

    def ask(self, seed: int) -> None:
        """Ask until the time is over."""
        rng = random.Random(seed)
        while time.monotonic() < self.until:
            name = rng.choice([SLIDE, SLIDE, "coming.svs", "damaged.svs", "cut.svs"])
            x, y = rng.randrange(4), rng.randrange(3)
            path = rng.choice(
                [
                    f"{name}_files/{rng.randrange(7, 11)}/{x}_{y}.jpeg",
                    f"{name}_layers/{rng.randrange(2)}/{x}_{y}.jpeg",
                    f"{name}/region?x={rng.randrange(800)}&width=200&height=150",
                    f"{name}/thumbnail.jpeg?size={rng.randrange(20, 200)}",
                    f"api/slides/{name}",
                    f"{name}.dzi",
                    "api/slides",
                    "../etc/passwd",
                ]
            )
            self.statuses[name, self.client.get(path).status] += 1

    def change(self) -> None:
        """Add, damage, cut and remove slides until the time is over."""
        rng = random.Random(0)
        coming = self.folder / "coming.svs"
        while time.monotonic() < self.until:
            match rng.randrange(4):
                case 0:
                    coming.unlink(missing_ok=True)
                case 1:
                    shutil.copy(self.folder / SLIDE, self.folder / "new")
                    os.replace(self.folder / "new", coming)
                case 2:
                    length = rng.randrange(len(self.sound))
                    (self.folder / "cut.svs").write_bytes(self.sound[:length])
                case 3:
                    damaged = self.folder / "damaged.svs"
                    damaged.write_bytes(self.sound)
                    blank(damaged, stored_tile(damaged, rng.randrange(6)))
            time.sleep(0.05)


@pytest.mark.timeout(SECONDS + 100)
def test_under_load_nothing_grows_and_nothing_fails(folder: Path) -> None:
    with Command(folder, "--cache", "8") as command:
        load = Load(command.client, folder)
        with ThreadPoolExecutor(CLIENTS + 1) as pool:
            tasks = [pool.submit(load.ask, seed) for seed in range(CLIENTS)]
            tasks.append(pool.submit(load.change))
            time.sleep(SECONDS / 2)
            middle = command.usage()
            for task in tasks:
                task.result()
        end = command.usage()
        assert command.end() == 0
        statuses = {status for _, status in load.statuses}
        assert statuses <= {200, 404, 422}, "".join(command.lines)
        assert {status for name, status in load.statuses if name == SLIDE} <= {200, 404}
        assert end.megabytes < middle.megabytes + 12
        assert end.descriptors < middle.descriptors + 30
    print(f"{load.statuses.total()} answers, {middle} at half time, {end} at the end")
