"""A process to be killed: commits numbered batches and prints each number when it is acknowledged.

Arguments: the folder, ``synced`` or ``unsynced``, the first number.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from userstream.server.store import Batch
from userstream.server.stores.rocks import RocksStore

ROWS, SIZE = 8, 450  # as the ledger of the tests has them


def main() -> None:
    folder, mode, first = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    store = RocksStore(folder, mode == "synced", write_buffer=128 << 10)
    os.write(1, b"0\n")
    for number in range(first, first + 100_000):
        values = random.Random(number)
        puts = [(b"e/%06d/%04d" % (number, row), values.randbytes(SIZE)) for row in range(ROWS)]
        store.commit(Batch([*puts, (b"head", b"%d" % number)]))
        os.write(1, b"%d\n" % number)


main()
