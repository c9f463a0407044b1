"""Every error that userstream raises, and whether to try again.

::

    UserStreamError
    ├── MalformedFrame       a frame that is not of the venue's dialect            stop
    ├── InvalidEvent         an event that no venue could show                     stop
    ├── InvalidSettings      a setting, an argument or a file that is wrong        stop
    ├── BadCommand           a command to the sandbox's market that cannot be      stop
    ├── StoreError
    │   ├── StoreDamaged     what is stored does not check out: never served       stop
    │   ├── StoreTooNew      written by a later version of userstream              stop
    │   └── StoreUnavailable the disk refuses (full, read-only, gone)              retry
    ├── PublishError
    │   ├── PublishRefused   the server said no to a line, with its code           stop
    │   └── PublishUnproven  no answer came: send the same ``n`` again             retry
    └── StreamError
        ├── StreamRefused    the venue will never let this stream in               stop
        ├── StreamOver       the stream was closed, or not begun                   stop
        ├── Unacknowledged   too many events wait for ``ack``: nothing more given  retry
        └── NotLive          the stream is not live within the time that was given retry
"""

from __future__ import annotations


class UserStreamError(Exception):
    """Root of the tree. ``retry`` says whether the same call can succeed later."""

    retry: bool = False


class MalformedFrame(UserStreamError):
    """A frame that the venue's document does not describe: cut, damaged or foreign."""


class InvalidEvent(UserStreamError):
    """An event that breaks a rule of the publishing schema; the message names the field."""


class InvalidSettings(UserStreamError):
    """A setting, argument or file that is wrong; the message says what is allowed."""


class BadCommand(UserStreamError):
    """A command to the sandbox's market that cannot be; the message says what is allowed."""


class StoreError(UserStreamError):
    """The data folder cannot be used."""


class StoreDamaged(StoreError):
    """Stored data does not check out. It is never served; restore a backup."""


class StoreTooNew(StoreError):
    """The data folder was written by a later version of userstream."""


class StoreUnavailable(StoreError):
    """The disk refuses to read or write now. Nothing un-acked became visible."""

    retry = True


class PublishError(UserStreamError):
    """An event was not acknowledged."""


class PublishRefused(PublishError):
    """The server refused a line. ``code`` is stable, the text may change."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class StreamError(UserStreamError):
    """A stream does not give what was asked."""


class StreamRefused(StreamError):
    """The venue will never let this stream in: the API key, its signature, its address."""


class StreamOver(StreamError):
    """The stream is closed, or was not begun."""


class Unacknowledged(StreamError):
    """Too many events wait for their acknowledgement: none is given before some have it."""

    retry = True


class NotLive(StreamError):
    """The stream did not become live in time; it goes on trying."""

    retry = True


class PublishUnproven(PublishError):
    """The answer was lost. The event may be stored: send it again with the same ``n``."""

    retry = True
