"""``userstream sandbox run``: a sandbox until it is stopped."""

from __future__ import annotations

import logging

from userstream.sandbox.options import SandboxOptions
from userstream.sandbox.page import print_json, print_page
from userstream.sandbox.sandbox import Sandbox
from userstream.server import logs
from userstream.signals import until_signalled


async def run_sandbox(options: SandboxOptions) -> None:
    """Runs a sandbox until SIGTERM or SIGINT.

    Raises:
        InvalidSettings: an option is not allowed, or a port is taken.
        StoreError: the data folder cannot be used.
    """
    logs.configure(json=False, level=logging.WARNING)
    stopped = until_signalled()
    async with Sandbox(options) as sandbox:
        if options.as_json:
            print_json(sandbox)
        else:
            print_page(sandbox, options)
        await sandbox.service.run(stopped)
