"""How a program that drives a client talks to its test: JSON lines out, words in."""

import json
import sys


def tell(kind, **fields):
    """Says one thing to the test."""
    print(json.dumps({"kind": kind, **fields}, default=str), flush=True)


def hear():
    """The test's next word: ``keepalive``, ``close``; empty when the test has gone."""
    return sys.stdin.readline().strip()
