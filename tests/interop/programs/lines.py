"""How a program that drives a client talks to its test: JSON lines out, words in."""

import asyncio
import json
import sys
import threading

# What the programs of all clients trade.
SYMBOL = "BTCUSDT"
QUANTITY, PRICE = "0.05", "60000.00"  # a bid that rests: the market is at 64000
NEAR = "63950.00"  # a bid that rests too, near enough for the market maker to take it
TAKEN = "10"  # more than the best level offers
TOO_MUCH = "9000"  # of BTC, for ten million USDT


_turn = threading.Lock()  # a client's threads tell events while its orders are answered


def tell(kind, **fields):
    """Says one thing to the test."""
    line = json.dumps({"kind": kind, **fields}, default=str)
    with _turn:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def hear():
    """The test's next word: ``limit``, ``close``; empty when the test has gone."""
    return sys.stdin.readline().strip()


def obey(calls):
    """Does what each word asks for and tells what came of it, until the word is ``close``."""
    while (word := hear()) not in {"", "close"}:
        tell(word, **calls[word]())


async def obey_async(calls):
    """The same, with calls that are awaited."""
    while (word := await asyncio.to_thread(hear)) not in {"", "close"}:
        tell(word, **await calls[word]())
