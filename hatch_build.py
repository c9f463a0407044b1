"""Builds the compiled helper, ``plain/_compiled.c``, where a C compiler is at hand.

It is optional: without a compiler, or with ``USERSTREAM_PURE`` set, the wheel holds Python only,
and everything that the helper does goes the way in Python.
"""

from __future__ import annotations

import os
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

_NAME = "userstream/plain/_compiled"


class HelperHook(BuildHookInterface):  # type: ignore[type-arg]
    """Puts the helper into the wheel; for an editable install, beside its source."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compiles; what cannot be compiled is left out."""
        source = Path(self.root, "src")
        self._scratch = tempfile.TemporaryDirectory()
        built = f"{_NAME}{sysconfig.get_config_var('EXT_SUFFIX')}"
        place = source if version == "editable" else Path(self._scratch.name)
        (place / built).unlink(missing_ok=True)
        if os.environ.get("USERSTREAM_PURE"):
            return
        try:
            _compile(source, place)
        except (BaseError, CCompilerError, OSError) as e:
            self.app.display_warning(f"the compiled helper is left out: {e}")
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        if place is not source:
            build_data["force_include"][str(place / built)] = built

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Clears up."""
        self._scratch.cleanup()


def _compile(source: Path, place: Path) -> None:
    extension = Extension(
        _NAME.replace("/", "."),
        [str(source / f"{_NAME}.c")],
        depends=[str(source / f"userstream/plain/{name}.h") for name in ("order", "frame")],
        extra_compile_args=["-O3"],  # which looks at many bytes at once
    )
    with tempfile.TemporaryDirectory() as scratch:
        command = build_ext(Distribution({"ext_modules": [extension]}))
        command.build_lib, command.build_temp = str(place), scratch
        command.ensure_finalized()
        command.run()
