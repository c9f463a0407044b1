"""Our own stand-in: nobody has published a client for SpaceDEX.

A bare loop over websocket-client and requests that does what the venue's document says: the header
X-SDX-APIKEY, a listen key, a socket on it, signed orders, a renewal, the end.
"""

import hashlib
import hmac
import os
import threading
import time
from importlib.metadata import version
from urllib.parse import urlencode

import requests
import websocket
from lines import PRICE, QUANTITY, SYMBOL, TAKEN, TOO_MUCH, obey, tell

# docs: begin
URL = os.environ["REST_URL"] + "/api/v1/userDataStream"
session = requests.Session()
session.headers["X-SDX-APIKEY"] = os.environ["API_KEY"]
key = session.post(URL).json()["listenKey"]
app = websocket.WebSocketApp(
    os.environ["STREAM_URL"] + "/ws/" + key,
    on_open=lambda _: tell("opened"),
    on_message=lambda _, text: tell("text", text=text),
    on_close=lambda _, code, reason: tell("ended", code=code, reason=reason),
)
# docs: end
tell("client", version=version("websocket-client"))
loop = threading.Thread(target=app.run_forever)
loop.start()
LIMIT = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": PRICE}
placed = {}


def signed(method, path, **fields):
    """A signed call: its parameters are the query, of a POST the body."""
    text = urlencode(fields | {"timestamp": time.time_ns() // 1_000_000})
    secret = os.environ["API_SECRET"].encode()
    text += "&signature=" + hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    url = os.environ["REST_URL"] + "/api/v1/" + path
    if method != "POST":
        return session.request(method, f"{url}?{text}")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return session.post(url, data=text, headers=form)


def limit():
    placed.update(signed("POST", "order", **LIMIT, quantity=QUANTITY).json())
    return {"id": placed["orderId"], "answer": placed}


def cancel():
    gone = signed("DELETE", "order", symbol=SYMBOL, orderId=placed["orderId"])
    return {"answer": gone.json()}


def market():
    sold = signed("POST", "order", symbol=SYMBOL, side="SELL", type="MARKET", quantity=TAKEN)
    return {"answer": sold.json()}


def bad():
    answer = signed("POST", "order", **LIMIT, quantity=TOO_MUCH)
    return {"status": answer.status_code, **answer.json()}


def look():
    return {
        "account": signed("GET", "account").json(),
        "order": signed("GET", "order", symbol=SYMBOL, orderId=placed["orderId"]).json(),
        "open": signed("GET", "openOrders").json(),
        "all": signed("GET", "allOrders", symbol=SYMBOL).json(),
        "test": signed("POST", "order/test", **LIMIT, quantity=QUANTITY).json(),
    }


def keepalive():
    answer = session.put(URL, params={"listenKey": key})
    return {"status": answer.status_code, "answer": answer.json()}


obey({f.__name__: f for f in (limit, cancel, market, bad, look, keepalive)})
answer = session.delete(URL, params={"listenKey": key})
loop.join(10)
tell("close", status=answer.status_code, answer=answer.json())
