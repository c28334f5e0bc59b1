"""The servers, each a process of its own that is gone when its block is left, however it is left."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import trustme
from attrs import define, frozen

from benchmarks.listing import STATUS, listing
from benchmarks.measure import PROJECT

START_SECONDS = 10.0
STOP_SECONDS = 3.0
COUNTS = (200, 500, 2_000, 20_000)
"""The lists that there are, by the number of their VPSes."""

NGINX = """
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    keepalive_timeout 75s;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    default_type "text/html; charset=UTF-8";
    server {{
        listen 127.0.0.1:{plain} backlog=4096;
        listen 127.0.0.1:{secure} ssl backlog=4096;
        ssl_certificate {folder}/server.pem;
        ssl_certificate_key {folder}/server.key;
        location ~ /status$ {{ return 200 '{status}'; }}
        location ~ ^/of-(?<count>[0-9]+)/api/client/vps/list$ {{ alias {folder}/list-$count; }}
    }}
}}
"""


@frozen
class Served:
    """Where a server is; `/of-N` below it is a panel with N VPSes.

    Attributes:
        plain: Its http origin.
        secure: Its https origin, if it has one.
        ca: The file with the authority that signed its certificate.
        name: What it is.
    """

    plain: str
    name: str
    secure: str | None = None
    ca: str | None = None


def have(command: str) -> str | None:
    """Tell where a command is; also where Debian keeps those of the administrator."""
    return shutil.which(command) or shutil.which(command, path="/usr/sbin:/sbin")


def free_port() -> int:
    """Give a port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return cast("int", listener.getsockname()[1])


@contextmanager
def process(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Generator["subprocess.Popen[str]"]:
    """Run a command as the head of a process group of its own, and end the group at the end."""
    running = subprocess.Popen(  # noqa: S603 - commands of this module
        command,
        cwd=PROJECT,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        yield running
    finally:
        # The group is asked for by the leader's id, which is not given to others before we have waited for it.
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGTERM)
        try:
            running.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
            running.wait()
        for pipe in (running.stdin, running.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()


def await_port(port: int, running: "subprocess.Popen[str]") -> None:
    """Return once somebody listens.

    Raises:
        RuntimeError: The process has ended, or it takes too long.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if running.poll() is not None:
            break
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"{running.args!r} does not listen on port {port}")


@contextmanager
def nginx(command: str) -> Generator[Served]:
    """Debian's nginx with one worker, a configuration of its own, and a certificate made here."""
    with tempfile.TemporaryDirectory(prefix="cvm-bench-") as name:
        folder = Path(name)
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        authority.cert_pem.write_to_path(folder / "ca.pem")
        certificate.private_key_pem.write_to_path(folder / "server.key")
        for blob in certificate.cert_chain_pems:
            blob.write_to_path(folder / "server.pem", append=True)
        for count in COUNTS:
            (folder / f"list-{count}").write_bytes(listing(count))
        plain, secure = free_port(), free_port()
        configuration = folder / "nginx.conf"
        configuration.write_text(
            NGINX.format(folder=folder, plain=plain, secure=secure, status=STATUS.decode()), encoding="utf-8"
        )
        with process([command, "-p", name, "-e", f"{name}/error.log", "-c", str(configuration)]) as running:
            await_port(plain, running)
            yield Served(f"http://127.0.0.1:{plain}", "nginx", f"https://127.0.0.1:{secure}", str(folder / "ca.pem"))


@contextmanager
def answering_server(delay: float) -> Generator[Served]:
    """`benchmarks.answering_server`: a protocol on httptools that answers after so many seconds."""
    with process([sys.executable, "-m", "benchmarks.answering_server", str(delay)]) as running:
        yield Served(f"http://127.0.0.1:{_said(running)}", "a server on httptools, written here")


@contextmanager
def fast_server() -> Generator[Served]:
    """nginx, or what stands in for it."""
    command = have("nginx")
    with nginx(command) if command else answering_server(0.0) as served:
        yield served


@contextmanager
def php_panel(command: str, vpses: int, workers: int) -> Generator[Served]:
    """PHP's own server with so many workers, on `panel.php`.

    It takes its number for processes beside the first, which answers as well.
    """
    with tempfile.TemporaryDirectory(prefix="cvm-bench-") as sessions:
        port = free_port()
        script = str(Path(__file__).with_name("panel.php"))
        arguments = [command, "-d", f"session.save_path={sessions}", "-S", f"127.0.0.1:{port}", script]
        with process(arguments, {"PHP_CLI_SERVER_WORKERS": str(workers - 1), "VPSES": str(vpses)}) as running:
            await_port(port, running)
            yield Served(f"http://localhost:{port}", "PHP's own server")


@define
class Panel:
    """A simulated panel in a process of its own."""

    url: str
    _process: "subprocess.Popen[str]"

    def forget(self) -> None:
        """Empty its log of requests, once none is under way."""
        self._ask("forget")

    def log(self) -> list[tuple[float, float, int]]:
        """All requests of status that have been answered: when they came and went, and the HTTP status."""
        return [(began, ended, status) for began, ended, status in self._ask("log")]

    def busy(self, node: int) -> int:
        """Give the most workers that were at work on one node's calls at one moment."""
        return int(self._ask(f"busy {node}"))

    def _ask(self, question: str) -> Any:  # noqa: ANN401 - JSON
        assert self._process.stdin is not None
        self._process.stdin.write(question + "\n")
        self._process.stdin.flush()
        return json.loads(_said(self._process))


@contextmanager
def panel(**options: object) -> Generator[Panel]:
    """`benchmarks.panel_server`: the simulated panel with these options."""
    with process([sys.executable, "-m", "benchmarks.panel_server", json.dumps(options)]) as running:
        yield Panel(_said(running), running)


def _said(running: "subprocess.Popen[str]") -> str:
    assert running.stdout is not None
    line = running.stdout.readline().strip()
    if not line:
        raise RuntimeError(f"{running.args!r} has ended")
    return line
