"""Drift: streams that are there already, and are not as the settings say.

Nothing is changed: a file with another number in it, on one machine, would change it for all. What
only differs is told; a stream that would drop what was acknowledged is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from userstream.errors import InvalidSettings
from userstream.server.logs import logger
from userstream.server.nats.streaminfo import StreamInfo

_log = logger("drift")
_SETTINGS = {"num_replicas": "replicas", "max_bytes": "max_bytes"}
"""What a setting gives, by its name in JetStream."""
Found: TypeAlias = tuple[Mapping[str, Any], StreamInfo]
"""What a stream was to be, and what it is."""


def check(streams: Iterable[Found]) -> None:
    """Warns of what differs from the settings, once for all streams that differ alike.

    Raises:
        InvalidSettings: a stream drops messages by itself.
    """
    alike: dict[tuple[str, int, int], list[str]] = {}
    for config, info in streams:
        _refuse_drops(config, info)
        for name in _SETTINGS:
            has, wanted = getattr(info.config, name), config[name]
            if has != wanted:
                alike.setdefault((name, has, wanted), []).append(config["name"])
    for (name, has, wanted), which in alike.items():
        flag = _SETTINGS[name].replace("_", "-")
        edit = f"`nats stream edit {which[0]} --{flag} {wanted}`, as a user who may"
        _tell(_SETTINGS[name], which, has, wanted, f"{edit}, or another setting")


def check_shards(streams: list[str], wanted: int) -> None:
    """Warns where there are not as many shards as the setting says; those that are there count."""
    if len(streams) != wanted:
        advice = f"set it to {len(streams)}: accounts stay in the shards that were made first"
        _tell("shards", streams, len(streams), wanted, advice)


def _tell(setting: str, which: list[str], has: int, wanted: int, to_do: str) -> None:
    streams = which[0] if len(which) == 1 else f"{which[0]} and {len(which) - 1} more"
    words = "streams are not as a setting says, and stay as they are"
    _log.warning(
        words, setting=f"nats.{setting}", streams=streams, has=has, wanted=wanted, to_do=to_do
    )


def _refuse_drops(config: Mapping[str, Any], info: StreamInfo) -> None:
    found, name = info.config, config["name"]
    if found.discard != "new":
        why, mended = f"it discards the {found.discard} when it is full", "--discard new"
    elif found.max_age > 0:
        why, mended = f"no message may be older than {found.max_age / 1e9:g} s", "--max-age 0s"
    elif found.max_msgs_per_subject > 0 > config.get("max_msgs_per_subject", -1):
        why = f"it keeps {found.max_msgs_per_subject} messages of a subject"
        mended = "--max-msgs-per-subject -1"
    else:
        return
    raise InvalidSettings(
        f"the stream {name} would drop what was acknowledged: {why}; "
        f"nats stream edit {name} {mended}"
    )
