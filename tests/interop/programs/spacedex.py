"""Our own stand-in: nobody has published a client for SpaceDEX.

A bare loop over websocket-client and requests that does what the venue's document says: the header
X-SDX-APIKEY, a listen key, a socket on it, a renewal, the end.
"""

import os
import threading
from importlib.metadata import version

import requests
import websocket
from lines import hear, tell

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
hear()
answer = session.put(URL, params={"listenKey": key})
tell("kept", status=answer.status_code, answer=answer.json())
hear()
answer = session.delete(URL, params={"listenKey": key})
loop.join(10)
tell("closed", status=answer.status_code, answer=answer.json())
