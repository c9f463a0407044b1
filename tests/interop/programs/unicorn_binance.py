"""unicorn-binance-websocket-api: a ``!userData`` stream, events as dicts.

Its other form, UnicornFy, indexes keys of executionReport that came in 2018 (O, Z, Y).
"""

import os
import threading
import time
from importlib.metadata import version

from lines import hear, tell
from unicorn_binance_rest_api import BinanceRestApiManager
from unicorn_binance_websocket_api import BinanceWebSocketApiManager

# docs: begin
BinanceRestApiManager.API_URL = os.environ["REST_URL"] + "/api"
rest = BinanceRestApiManager(tld="localhost", warn_on_update=False)
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

word = threading.Thread(target=hear, daemon=True)
word.start()
while word.is_alive():
    event = manager.pop_stream_data_from_stream_buffer()
    if event:
        tell("event", event=event)
    else:
        time.sleep(0.02)
weight = rest.get_used_weight()["weight"]  # from the header that it cannot start without
manager.stop_stream(stream)  # deletes the listen key
manager.stop_manager()
tell("closed", weight=weight)
