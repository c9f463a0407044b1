"""What a client's handler was given, and what that took. Every client program ends through this."""

import json
import os
import sys
import time

_EVERY = 256
VENUE, PORT = sys.argv[1], int(sys.argv[2])
_SECONDS, _EVENTS, _TIMED = float(sys.argv[3]), int(sys.argv[4]), sys.argv[5] == "timed"
REST, STREAM = f"http://127.0.0.1:{PORT}", f"ws://127.0.0.1:{PORT}"
TIMED = _TIMED
"""Whether all events are awaited, each with the time of its sending; else they are counted for
some seconds, or until there are no more."""


class Tally:
    """Counts events, or takes their delays; prints a row and ends the process when it is time."""

    def __init__(self) -> None:
        self._count = self._first = 0
        self._began_s = self._cpu_s = 0.0
        self._look = 1
        self._delays_ns: list[int] = []
        self._last_ns = self._pause_ns = 0

    def given(self, events: int = 1) -> None:
        """So many events came to the handler."""
        self._count += events
        if self._count < self._look:
            return
        now_s = time.monotonic()
        if not self._began_s:
            self._began_s, self._cpu_s, self._first = now_s, time.process_time(), self._count
        elif now_s - self._began_s >= _SECONDS or self._count >= _EVENTS:
            took_s, used_s = now_s - self._began_s, time.process_time() - self._cpu_s
            _end(events=self._count - self._first, took_s=round(took_s, 3), cpu_s=round(used_s, 4))
        self._look = min(self._count + _EVERY, _EVENTS)

    def timed(self, sent_ns: int) -> None:
        """An event came to the handler that was sent at that time."""
        now_ns = time.monotonic_ns()
        self._delays_ns.append(now_ns - sent_ns)
        if self._last_ns:
            self._pause_ns = max(self._pause_ns, now_ns - self._last_ns)
        self._last_ns = now_ns
        if len(self._delays_ns) == _EVENTS:
            delays = sorted(self._delays_ns[_EVENTS // 10 :])  # the first ones pay for the start
            shown = {
                name: round(delays[min(int(share * len(delays)), len(delays) - 1)] / 1000, 1)
                for name, share in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("max", 1.0))
            }
            _end(events=len(delays), pause=round(self._pause_ns / 1000, 1), **shown)


def _end(**row: float) -> None:
    print(json.dumps(row), flush=True)
    os._exit(0)  # no client's way of closing is measured
