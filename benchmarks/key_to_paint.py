"""How long a key takes until `cvm-async top` has drawn what it changes: on a real terminal's other end, a pty.

`python -m benchmarks.key_to_paint --vpses 5000`. A key counts as drawn when the row under the cursor, in reverse, has
arrived. "At rest" is between two looks; "polling" is with one look right after the other.
"""

import argparse
import fcntl
import json
import os
import pty
import re
import select
import signal
import statistics
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager

_DRAWN = re.compile(rb"\x1b\[7;39;49m")
_PATIENCE = 120.0
"""Seconds in which a screen must have come."""
_PAUSE = 0.05
"""Seconds between two keys, in which what one of them changes is drawn whole."""


class Screen:
    """`cvm-async top` at the other end of a pty."""

    def __init__(self, arguments: Sequence[str], environment: dict[str, str], size: tuple[int, int]) -> None:
        self.pid, self._pty = pty.fork()
        if not self.pid:
            os.execve(sys.executable, [sys.executable, "-m", "cvm_async", "top", *arguments], environment)  # noqa: S606
        fcntl.ioctl(self._pty, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))

    def until(self, shown: re.Pattern[bytes], patience: float = _PATIENCE) -> float:
        """Read until something was drawn; give the seconds that took."""
        began = time.perf_counter()
        seen = b""
        while not shown.search(seen):
            left = began + patience - time.perf_counter()
            if left <= 0 or not select.select([self._pty], [], [], left)[0]:
                raise TimeoutError(shown.pattern)
            seen += os.read(self._pty, 65_536)
        return time.perf_counter() - began

    def settle(self, seconds: float) -> None:
        """Read away what still comes."""
        ends = time.perf_counter() + seconds
        while (left := ends - time.perf_counter()) > 0:
            if select.select([self._pty], [], [], left)[0]:
                os.read(self._pty, 65_536)

    def press(self, key: bytes) -> float:
        """Press a key; give the seconds until it was drawn."""
        os.write(self._pty, key)
        took = self.until(_DRAWN)
        self.settle(_PAUSE)
        return took

    def close(self) -> None:
        """Leave it."""
        os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)
        os.close(self._pty)


@contextmanager
def panel(vpses: int, nodes: int) -> Generator[dict[str, str]]:
    """Serve a simulated panel in a process of its own; give the environment that names it."""
    command = [sys.executable, "-m", "cvm_async", "panel", "--json", "--cost", "0", "--workers", "64"]
    served = subprocess.Popen(  # noqa: S603 - ourselves
        [*command, "--vpses", str(vpses), "--nodes", str(nodes)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert served.stdout is not None
    lines = iter(served.stdout.readline, b"")
    told = b""
    while not told.endswith(b"}\n"):
        told += next(lines)
    try:
        yield {**os.environ, **json.loads(told), "TERM": "xterm-256color"}
    finally:
        served.send_signal(signal.SIGINT)
        served.wait()


def measured(screen: Screen, keys: Sequence[bytes]) -> str:
    """Press keys; give the median, the 95th of a hundred and the longest, in milliseconds."""
    took = sorted(1000 * screen.press(key) for key in keys)
    return f"{statistics.median(took):6.0f} {took[int(0.95 * len(took))]:6.0f} {took[-1]:6.0f}"


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vpses", type=int, default=5_000)
    parser.add_argument("--nodes", type=int, default=40)
    parser.add_argument("--width", type=int, default=120)
    parser.add_argument("--height", type=int, default=40)
    parser.add_argument("--keys", type=int, default=100)
    given = parser.parse_args()
    jobs = {
        "down": [b"j", b"j", b"k"] * (given.keys // 3),
        "page": [b"\x1b[6~", b"\x1b[5~"] * (given.keys // 8),
        "sort": [b"s"] * (given.keys // 4),
    }
    print(f"{given.vpses:,} VPSes, {given.width} x {given.height}; ms from key to paint: median, 95 of 100, longest")
    with panel(given.vpses, given.nodes) as environment:
        for title, interval in (("at rest", "3600"), ("polling", "0.1")):
            screen = Screen(["--interval", interval], environment, (given.width, given.height))
            screen.until(re.compile(rb"every "))
            screen.settle(1.0)
            for name, keys in jobs.items():
                print(f"{title:<8} {name:<5} {measured(screen, keys)}", flush=True)
            screen.close()


if __name__ == "__main__":
    main()
