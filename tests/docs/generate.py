"""Writes the generated parts of the reference: ``python -m tests.docs.generate``.

A page is written by hand; what stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``
comes from the source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from tests.docs import machines, marks, pictures, publishing_schema, scale
from tests.docs.fields import Field, fields_of, options_of, order_options_of, plain
from tests.reliability.client.cases import rows
from userstream.cli.watch.records import RECORDS
from userstream.core.client.bounds import Bounds
from userstream.core.closing import End
from userstream.core.limits import Limits
from userstream.core.line import Line
from userstream.core.wishes import PARAMETERS
from userstream.events import (
    AccountSnapshot,
    AccountUpdate,
    Balance,
    CommissionRates,
    OrderUpdate,
    Permissions,
)
from userstream.server.nats.address import NatsSettings
from userstream.server.settings import Settings, SymbolSettings
from userstream.venues import names

_PAGES = ("settings", "publishing", "close-codes", "stream", "extension", "watch")
ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
SCHEMA = REFERENCE / "publishing.schema.json"
FAULTS = ROOT / "docs" / "explanation" / "faults.md"
SCALE = ROOT / "docs" / "explanation" / "scale.md"
PAGES = (*(REFERENCE / f"{name}.md" for name in _PAGES), FAULTS, SCALE)
_SECTION = re.compile(r"(<!-- generated: (\S+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_TABLES = {"hosts", "venues", "symbols", "coin_ids", "limits", "nats"}
"""Settings that only a file can hold."""

# Fields whose source says nothing of its own, mostly since the text below the next one covers both.
MORE = {
    "Settings": {
        "admin_token": "The secret that every call of the admin port but health must show.",
        "symbols": "Trading pairs by name. Others fall back to eight places of price.",
        "coin_ids": "Coin ids by asset, as MEXC shows them. Others are derived from the name.",
        "tls_cert": "Certificate chain (PEM) of all three ports.",
        "tls_key": "Its private key (PEM). Both or neither.",
        "log": "Form of the log on standard error.",
        "limits": "Bounds of this process: the next table.",
    },
    "SymbolSettings": {
        "base": "Asset that is bought and sold.",
        "quote": "Asset that it is priced in.",
        "tick": "Smallest step of a price. Its places are those of prices on SpaceDEX.",
        "lot": "Smallest step of a quantity.",
    },
    "Limits": {
        "sockets_per_ip": "Open streams of one address.",
        "connects_window_s": "Length of that window.",
        "ban_s": "The first ban of an address.",
        "lines_per_request": "Of one publishing request.",
    },
    "Line": {
        "v": "Version of the line: 1.",
        "account": "Whose event it is: `[A-Za-z0-9_-]{1,64}`.",
        "source": "Who publishes: `[A-Za-z0-9_.:-]{1,64}`.",
        "n": "Number of the event, rising per account and source; 1 to 2⁶³-1.",
        "event": "One of the three events below, told apart by its `type`.",
    },
    "OrderUpdate": {
        "symbol": "Trading pair.",
        "order_id": "The exchange's id of the order.",
        "side": "See the words below.",
        "status": "What the order is now. See the words below.",
        "execution": "What happened. See the words below.",
        "client_order_id": "The order's own id, never that of a cancel request.",
        "cancel_client_order_id": "Id of the request that canceled it.",
        "order_type": "Such as `LIMIT`, `MARKET`, `LIMIT_MAKER`, `STOP_LOSS_LIMIT`.",
        "time_in_force": "Such as `GTC`, `IOC`, `FOK`. Binance and BHEX show `GTC` without it.",
        "quantity": "Of the order.",
        "price": "Of the order.",
        "stop_price": "That triggers it.",
        "iceberg_quantity": "Shown part of it.",
        "last_quantity": "Of this fill.",
        "last_price": "Of this fill.",
        "cumulative_quantity": "Filled so far.",
        "cumulative_quote": "Filled so far, in the quote asset.",
        "average_price": "Of all fills so far.",
        "commission": "Of this fill.",
        "commission_asset": "What it was paid in.",
        "trade_id": "Of this fill.",
        "execution_id": "Shown as Binance's `I`.",
        "reject_reason": "Shown as Binance's `r`.",
        "maker": "Whether this fill was on the maker's side.",
        "self_trade": "Whether both sides of the fill were this account's.",
    },
    "Balance": {
        "asset": "Name of the asset.",
        "free": "What can be used, after the change.",
        "locked": "What is held by orders, after the change.",
        "free_change": "Signed. Computed from the account's last picture when it is left out.",
        "locked_change": "Signed. Computed likewise.",
    },
    "AccountUpdate": {
        "balances": "The changed assets, each once.",
        "cause": "A word, such as `DEPOSIT`.",
        "permissions": "What the account may do from now on.",
        "commission_rates": "Its rates from now on.",
    },
    "AccountSnapshot": {
        "time_ms": "Of what the picture shows.",
        "balances": "All assets, each once.",
        "cause": "A word, such as `SUGAR`.",
        "permissions": "What the account may do; without it, as before.",
        "commission_rates": "Its rates; without them, as before.",
        "created_ms": "When the message was made, where it is not the time of publication.",
    },
    "Permissions": {
        "can_trade": "May place orders; true when left out.",
        "can_withdraw": "May withdraw; true when left out.",
        "can_deposit": "May deposit; true when left out.",
    },
    "CommissionRates": {
        "maker": "Of fills on the maker's side; 0 when left out.",
        "taker": "Of fills on the taker's side; 0 when left out.",
        "buyer": "Of buyers; 0 when left out.",
        "seller": "Of sellers; 0 when left out.",
    },
}


def meaning(struct: type[msgspec.Struct], field: Field) -> str:
    """What a field is for: the text of its source, else ours."""
    text = field.doc or MORE.get(struct.__name__, {}).get(field.name)
    if not text:
        raise LookupError(f"nothing says what {struct.__name__}.{field.name} is for")
    return text


def table(head: str, rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    columns = head.split(" | ")
    lines = [f"| {head} |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _shown(default: str | None) -> str:
    if default is None:
        return "none: it must be given"
    if default in {"True", "False"}:
        return f"`{default.lower()}`"
    return "empty" if default in {"''", '""', "{}", "()"} else f"`{default}`".replace("'", '"')


def settings() -> str:
    rows = []
    for field in fields_of(Settings):
        variable = "none" if field.name in _TABLES else f"`USERSTREAM_{field.name.upper()}`"
        default = "the table below" if field.name in {"limits", "nats"} else _shown(field.default)
        text = meaning(Settings, field)
        rows.append((f"`{field.name}`", field.type, default, variable, text))
    return table("setting | type | default | environment | meaning", rows)


def _plain_fields(struct: type[msgspec.Struct], head: str) -> str:
    rows = (
        (f"`{f.name}`", f.type, _shown(f.default), meaning(struct, f)) for f in fields_of(struct)
    )
    return table(head, rows)


def limits() -> str:
    return _plain_fields(Limits, "limit | type | default | meaning")


def nats() -> str:
    return _plain_fields(NatsSettings, "key | type | default | meaning")


def symbols() -> str:
    return _plain_fields(SymbolSettings, "key | type | default | meaning")


def venue_options() -> str:
    parts = []
    for name in names():
        struct = options_of(name)
        parts.append(f"### `[venues.{name}]`\n\n" + _plain_fields(struct, _OPTION_HEAD))
    return "\n".join(parts)


def order_options() -> str:
    parts = []
    for name in names():
        struct = order_options_of(name)
        parts.append(f"### `[venues.{name}.orders]`\n\n" + _plain_fields(struct, _OPTION_HEAD))
    return "\n".join(parts)


_OPTION_HEAD = "option | type | default | meaning"


_JSON_TYPES = {
    "`DecimalText`": "decimal",
    "`str`": "text",
    "`int`": "integer",
    "`bool`": "boolean",
    "`tuple[Balance, ...]`": "list",
    "`msgspec.Raw`": "object",
    "`Permissions`": "object",
    "`CommissionRates`": "object",
}


def _event(struct: type[msgspec.Struct]) -> str:
    rows = []
    tag = struct.__struct_config__.tag
    if tag is not None:
        rows.append(("`type`", "text", "yes", f"`{tag}`"))
    for field in fields_of(struct):
        kind = _JSON_TYPES[field.type.replace(" | None", "")]
        mandatory = field.default is None
        if struct is OrderUpdate and field.name in publishing_schema.MANDATORY:
            mandatory = True
        need = "yes" if mandatory else "no"
        if struct is OrderUpdate and field.name in publishing_schema.FILL:
            need = "with `TRADE`"
        rows.append((f"`{field.name}`", kind, need, meaning(struct, field)))
    return table("field | type | mandatory | meaning", rows)


def events() -> str:
    kinds = (
        ("order_update", OrderUpdate),
        ("account_update", AccountUpdate),
        ("account_snapshot", AccountSnapshot),
    )
    parts = [f"### `{tag}`\n\n{_doc(kind)}\n\n{_event(kind)}" for tag, kind in kinds]
    for name, kind in (
        ("balances", Balance),
        ("permissions", Permissions),
        ("commission_rates", CommissionRates),
    ):
        parts.append(f"### In `{name}`\n\n{_doc(kind)}\n\n{_event(kind)}")
    return "\n".join(parts)


def _doc(struct: type[msgspec.Struct]) -> str:
    return plain(struct.__doc__ or "")


def words() -> str:
    enums = publishing_schema.json_schema()["$defs"]["OrderUpdate"]["properties"]
    rows = (
        (f"`{name}`", ", ".join(f"`{w}`" for w in enums[name]["enum"]))
        for name in ("side", "execution", "status")
    )
    return table("field | allowed", rows)


def codes() -> str:
    rows = []
    for end in End:
        code, text, then = end.value
        shown = "none" if code is None else str(code)
        what = "nothing: it closed" if end is End.CLIENT else then.value
        rows.append((f"`{end.label}`", shown, f"`{text}`" if code else "none", what))
    return table("reason | code | text | what a client should do", rows)


def us_parameters() -> str:
    rows = ((f"`{name}`", allowed) for name, allowed in PARAMETERS.items())
    return table("parameter | allowed", rows)


def watch_records() -> str:
    parts = []
    for struct in RECORDS:
        rows = [(f"`{f.name}`", f.type, f.doc) for f in fields_of(struct)]
        parts.append(f"### `{struct.__struct_config__.tag}`\n\n{_doc(struct)}\n")
        parts.append(table("field | type | meaning", rows))
    return "\n".join(parts)


SECTIONS: dict[str, Callable[[], str]] = {
    "settings": settings,
    "limits": limits,
    "nats": nats,
    "symbols": symbols,
    "venue-options": venue_options,
    "order-options": order_options,
    "line": lambda: _event(Line),
    "events": events,
    "words": words,
    "codes": codes,
    "faults": lambda: table("fault | a bot that | gets | `UserStream`", rows()),
    "states": machines.session_states,
    "stream-states": machines.stream_states,
    "stream-meanings": lambda: table("state | meaning", machines.stream_meanings()),
    "key-states": machines.key_states,
    "link-states": machines.link_states,
    "sequences": lambda: table("venue | time | what tells fills apart", machines.sequences()),
    "us-parameters": us_parameters,
    "us-frames": marks.frames,
    "watch-records": watch_records,
    "scale-inputs": lambda: table("what | figure | from", scale.inputs()),
    "scale-one-cluster": lambda: table("part | connections | enough", scale.one_cluster()),
    "scale-cells": lambda: table("what | a cell | all", scale.cells()),
    "scale-cost": lambda: table("what | USD a month", scale.cost()),
    "bounds": lambda: _plain_fields(Bounds, "bound | type | default | meaning"),
}


def regenerated(page: str) -> str:
    """A page with its generated sections made anew."""

    def made(match: re.Match[str]) -> str:
        return f"{match[1]}\n{SECTIONS[match[2]]()}\n{match[4]}"

    return _SECTION.sub(made, page)


def main() -> None:
    """Writes every page, the schema and the pictures."""
    for page in PAGES:
        page.write_text(regenerated(page.read_text("utf-8")), "utf-8")
    SCHEMA.write_text(publishing_schema.text(), "utf-8")
    pictures.main()


if __name__ == "__main__":
    main()
