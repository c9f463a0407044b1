"""Clients that we did not write, against a sandbox."""

import pytest

pytest.register_assert_rewrite("tests.interop.trading")
