"""A client in a network namespace whose packets vanish on order, without a word to either side."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from typing import TypeVar

from tests.able import refused


def ip(*arguments: str) -> str:
    """Runs ``ip``.

    Raises:
        OSError: it failed.
    """
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


class Blackhole:
    """``address`` is the server's, ``inside`` what a command begins with that runs in there."""

    def __init__(self) -> None:
        number = os.getpid() % 250
        self._space = f"us{os.getpid()}"
        self.outer, self.inner = f"usa{os.getpid()}", f"usb{os.getpid()}"
        self.address = f"10.213.{number}.1"
        self.far = f"10.213.{number}.2"
        self.inside = ("ip", "netns", "exec", self._space)

    def make(self) -> None:
        """Two ends of a cable, one of them in a namespace."""
        ip("netns", "add", self._space)
        ip("link", "add", self.outer, "type", "veth", "peer", "name", self.inner)
        ip("link", "set", self.inner, "netns", self._space)
        ip("addr", "add", f"{self.address}/30", "dev", self.outer)
        ip("link", "set", self.outer, "up")
        self.within("addr", "add", f"{self.far}/30", "dev", self.inner)
        self.within("link", "set", self.inner, "up")
        # As behind a router: where a frame goes to does not depend on whether somebody is there.
        ip("neigh", "replace", self.far, "lladdr", self.hardware(), "dev", self.outer,
           "nud", "permanent")  # fmt: skip

    def hardware(self) -> str:
        """The hardware address of the client's end."""
        link = self.within("-o", "link", "show", self.inner)
        return link.split("link/ether ")[1].split()[0]

    def swallow(self) -> None:
        """From now on nobody is at the client's address, and nobody says so."""
        self.within("addr", "flush", "dev", self.inner)

    def remove(self) -> None:
        """Takes it all away."""
        for command in (("link", "del", self.outer), ("netns", "del", self._space)):
            with contextlib.suppress(OSError):
                ip(*command)

    def within(self, *arguments: str) -> str:
        """Runs ``ip`` in the namespace."""
        return ip("-n", self._space, *arguments)


B = TypeVar("B", bound=Blackhole)


@contextlib.contextmanager
def usable(hole: B) -> Iterator[B]:
    """A namespace that is made for a block; where none can be made, the test is skipped."""
    if shutil.which("ip") is None:
        refused("there is no ip (iproute2) here")
    try:
        try:
            hole.make()
        except OSError as e:
            refused(f"no network namespace can be made: {e}")
        yield hole
    finally:
        hole.remove()


def blackhole() -> contextlib.AbstractContextManager[Blackhole]:
    """A namespace with a client."""
    return usable(Blackhole())
