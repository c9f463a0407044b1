"""The public names: few, listed, importable."""

from __future__ import annotations

import subprocess
import sys

import pytest

import userstream

FIXED = {"Publisher", "OrderUpdate", "AccountUpdate", "AccountSnapshot", "Envelope"}


def test_the_public_names_are_listed_once_and_there() -> None:
    assert sorted(set(userstream.__all__)) == sorted(userstream.__all__)
    assert set(userstream.__all__) >= FIXED
    assert all(getattr(userstream, name) is not None for name in userstream.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = userstream.Nothing


def test_importing_the_package_imports_no_http_client() -> None:
    code = "import sys, userstream; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
