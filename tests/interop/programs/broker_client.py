"""broker-trade-client, the BHEX broker's own SDK: its user data stream runs on Twisted.

It makes a listen key with a signed form body, opens ``ws/<listenKey>`` below its entry point, hands
every JSON text to a callback, and renews the key from a thread every 30 minutes.
"""

import os
from importlib.metadata import version

from broker.client import BrokerClient
from broker.websockets import BrokerWss
from lines import PRICE, QUANTITY, SYMBOL, TAKEN, TOO_MUCH, obey, tell

# docs: begin
rest = BrokerClient(
    os.environ["REST_URL"] + "/openapi/", os.environ["API_KEY"], os.environ["API_SECRET"]
)
stream = BrokerWss(
    os.environ["STREAM_URL"] + "/openapi/",
    os.environ["REST_URL"] + "/openapi/",
    api_key=os.environ["API_KEY"],
    secret=os.environ["API_SECRET"],
)
# docs: end
tell("client", version=version("broker-trade-client"), broker=rest.broker_info(), time=rest.time())
stream.user_data_stream(callback=lambda event: tell("event", event=event))
stream.daemon = True
stream.start()

key = rest.stream_get_listen_key()["listenKey"]  # the account's one key: the stream's
LIMIT = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": PRICE}
placed = {}


def limit():
    placed.update(rest.order_new(**LIMIT, quantity=QUANTITY))
    return {"id": placed["orderId"], "answer": placed}


def cancel():
    return {"answer": rest.order_cancel(order_id=placed["orderId"])}


def market():
    # A sell: the quantity of a market buy is what it spends.
    return {"answer": rest.order_new(symbol=SYMBOL, side="SELL", type="MARKET", quantity=TAKEN)}


def bad():
    return rest.order_new(**LIMIT, quantity=TOO_MUCH)  # a 400 is an answer to it


def look():
    return {
        "account": rest.account(),
        "order": rest.order_get(order_id=placed["orderId"]),
        "open": rest.open_orders(),
        "history": rest.history_orders(symbol=SYMBOL),
        "trades": rest.my_trades(),
        "test": rest.order_test(**LIMIT, quantity=QUANTITY),
    }


def keepalive():
    return {"answer": rest.stream_keepalive(key), "unknown": rest.stream_keepalive("A" * 64)}


obey({f.__name__: f for f in (limit, cancel, market, bad, look, keepalive)})
tell("close", answer=rest.stream_close(key))
stream.close()
