"""Client frames on the venues whose sockets are bound by listen key.

Binance answers SUBSCRIBE, UNSUBSCRIBE and LIST_SUBSCRIPTIONS since 2019-11-13 (its changelog);
its connectors open a bare ``/ws`` and subscribe to the listen key. A key that is not alive is
refused: an acknowledged stream that never speaks would be a loss in silence.
"""

from __future__ import annotations

from typing import Any

import msgspec

from userstream.venue import Control, Subscriber

_NO_KEY = {"code": -1125, "msg": "This listenKey does not exist."}
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
MAX_STREAMS = 200
"""Streams that one request or socket may name."""


def ignore(text: str, subscriber: Subscriber) -> Control:
    """Nothing is answered and nothing is an error."""
    return Control()


def by_listen_key(text: str, subscriber: Subscriber) -> Control:
    """Subscribes and unsubscribes listen keys; other text is ignored."""
    try:
        request = _decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return Control()
    if not isinstance(request, dict):
        return Control()
    return _answer(request, subscriber)


def _answer(request: dict[str, Any], subscriber: Subscriber) -> Control:
    number = request.get("id")
    number = number if isinstance(number, int | str) and len(str(number)) <= 64 else None
    method = request.get("method")
    if method == "LIST_SUBSCRIPTIONS":
        return Control((_encode({"result": sorted(subscriber.channels), "id": number}),))
    params = request.get("params")
    if not isinstance(params, list) or not all(isinstance(p, str) for p in params):
        return Control()
    done = (_encode({"result": None, "id": number}),)
    if method == "UNSUBSCRIBE":
        return Control(done, subscriber.channels - set(params))
    if method == "SUBSCRIBE":
        wanted = subscriber.channels | set(params)
        if len(wanted) > MAX_STREAMS or not all(map(subscriber.is_live_key, params)):
            return Control((_encode({"error": _NO_KEY, "id": number}),))
        return Control(done, wanted)
    return Control()
