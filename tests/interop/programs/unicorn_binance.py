"""unicorn-binance-websocket-api: a ``!userData`` stream, events as dicts.

It has no order calls: those are of unicorn-binance-rest-api, which it also makes listen keys with.
Its other form, UnicornFy, indexes keys of executionReport that came in 2018 (O, Z, Y).
"""

import os
import threading
import time
from importlib.metadata import version

from lines import PRICE, QUANTITY, SYMBOL, TAKEN, TOO_MUCH, obey, tell
from unicorn_binance_rest_api import BinanceAPIException, BinanceRestApiManager
from unicorn_binance_websocket_api import BinanceWebSocketApiManager

# docs: begin
BinanceRestApiManager.API_URL = os.environ["REST_URL"] + "/api"
rest = BinanceRestApiManager(
    api_key=os.environ["API_KEY"],
    api_secret=os.environ["API_SECRET"],
    tld="localhost",
    warn_on_update=False,
)
manager = BinanceWebSocketApiManager(
    exchange="binance.com",
    websocket_base_uri=os.environ["STREAM_URL"] + "/",
    output_default="dict",
    warn_on_update=False,
)
manager.restclient.ubra = rest  # its own parameters for this lead nowhere
# docs: end
manager.listen_key_refresh_interval = 1  # its keepalive timer, in seconds
tell("client", version=version("unicorn-binance-websocket-api"))

stream = manager.create_stream(
    channels="arr",
    markets="!userData",
    api_key=os.environ["API_KEY"],
    api_secret=os.environ["API_SECRET"],
)
tell("opened", running=manager.wait_till_stream_has_started(stream))


def read():
    while True:
        event = manager.pop_stream_data_from_stream_buffer()
        if event:
            tell("event", event=event)
        else:
            time.sleep(0.02)


threading.Thread(target=read, daemon=True).start()
placed = {}


def limit():
    placed.update(rest.order_limit_buy(symbol=SYMBOL, quantity=QUANTITY, price=PRICE))
    return {"id": placed["orderId"], "answer": placed}


def cancel():
    return {"answer": rest.cancel_order(symbol=SYMBOL, orderId=placed["orderId"])}


def market():
    return {"answer": rest.order_market_buy(symbol=SYMBOL, quantity=TAKEN)}


def bad():
    try:
        rest.order_limit_buy(symbol=SYMBOL, quantity=TOO_MUCH, price=PRICE)
    except BinanceAPIException as e:
        return {"status": e.status_code, "code": e.code, "msg": e.message}
    return {}


def look():
    return {
        "account": rest.get_account(),
        "order": rest.get_order(symbol=SYMBOL, orderId=placed["orderId"]),
        "open": rest.get_open_orders(symbol=SYMBOL),
        "all": rest.get_all_orders(symbol=SYMBOL),
        "trades": rest.get_my_trades(symbol=SYMBOL),
    }


obey({f.__name__: f for f in (limit, cancel, market, bad, look)})
weight = rest.get_used_weight()["weight"]  # from the header that it cannot start without
manager.stop_stream(stream)  # deletes the listen key
manager.stop_manager()
tell("close", weight=weight)
