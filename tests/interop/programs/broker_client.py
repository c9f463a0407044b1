"""broker-trade-client, the BHEX broker's own SDK: its user data stream runs on Twisted.

It makes a listen key with a signed form body, opens ``ws/<listenKey>`` below its entry point, hands
every JSON text to a callback, and renews the key from a thread every 30 minutes.
"""

import os
from importlib.metadata import version

from broker.client import BrokerClient
from broker.websockets import BrokerWss
from lines import hear, tell

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
hear()
tell("kept", answer=rest.stream_keepalive(key), unknown=rest.stream_keepalive("A" * 64))
hear()
tell("closed", answer=rest.stream_close(key))
stream.close()
