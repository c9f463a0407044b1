"""``python -m userstream`` is the command ``userstream``."""

from userstream.cli import main

main()
