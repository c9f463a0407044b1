"""What only some users of some machines may do: mounts and network namespaces."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def refused(why: str) -> NoReturn:
    """Skips the test; under ``.ci/able``, where it was seen to be permitted, fails it."""
    if os.environ.get("USERSTREAM_ABLE"):
        pytest.fail(f"{why}; it was permitted when .ci/able tried")
    pytest.skip(why)
