"""A client in a network namespace whose packets vanish on order, without a word to either side."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator

from tests.able import refused


def _ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


class Blackhole:
    """``address`` is the server's, ``inside`` what a command begins with that runs in there."""

    def __init__(self) -> None:
        number = os.getpid() % 250
        self._space = f"us{os.getpid()}"
        self._outer, self._inner = f"usa{os.getpid()}", f"usb{os.getpid()}"
        self.address = f"10.213.{number}.1"
        self._far = f"10.213.{number}.2"
        self.inside = ("ip", "netns", "exec", self._space)

    def make(self) -> None:
        """Two ends of a cable, one of them in a namespace."""
        _ip("netns", "add", self._space)
        _ip("link", "add", self._outer, "type", "veth", "peer", "name", self._inner)
        _ip("link", "set", self._inner, "netns", self._space)
        _ip("addr", "add", f"{self.address}/30", "dev", self._outer)
        _ip("link", "set", self._outer, "up")
        self._in("addr", "add", f"{self._far}/30", "dev", self._inner)
        self._in("link", "set", self._inner, "up")
        # As behind a router: where a frame goes to does not depend on whether somebody is there.
        link = self._in("-o", "link", "show", self._inner)
        hardware = link.split("link/ether ")[1].split()[0]
        _ip("neigh", "replace", self._far, "lladdr", hardware, "dev", self._outer,
            "nud", "permanent")  # fmt: skip

    def swallow(self) -> None:
        """From now on nobody is at the client's address, and nobody says so."""
        self._in("addr", "flush", "dev", self._inner)

    def remove(self) -> None:
        """Takes it all away."""
        for command in (("link", "del", self._outer), ("netns", "del", self._space)):
            with contextlib.suppress(OSError):
                _ip(*command)

    def _in(self, *arguments: str) -> str:
        return _ip("-n", self._space, *arguments)


@contextlib.contextmanager
def blackhole() -> Iterator[Blackhole]:
    """A namespace; where none can be made, the test is skipped."""
    if shutil.which("ip") is None:
        refused("there is no ip (iproute2) here")
    made = Blackhole()
    try:
        try:
            made.make()
        except OSError as e:
            refused(f"no network namespace can be made: {e}")
        yield made
    finally:
        made.remove()
