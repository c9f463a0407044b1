// @binance/connector: Spot for the listen key, WebsocketStream for the stream, and the SUBSCRIBE
// that it sends when it is connected already.
import { createRequire } from "node:module";
import { tell, words } from "./lines.mjs";

const require = createRequire(import.meta.url);
const { Spot, WebsocketStream } = require("@binance/connector");
const silent = { debug() {}, info() {}, warn() {}, error() {} };

// docs: begin
const spot = new Spot(process.env.API_KEY, process.env.API_SECRET, {
  baseURL: process.env.REST_URL,
});
const { data: { listenKey } } = await spot.createListenKey();
const stream = new WebsocketStream({
  wsURL: process.env.STREAM_URL,
  logger: silent,
  callbacks: {
    open: () => stream.subscribe(listenKey), // once more, by a frame: nothing is sent twice
    message: (text) => tell("event", { event: JSON.parse(text) }),
    pong: () => tell("pong"),
    close: () => tell("cut"),
  },
});
stream.subscribe(listenKey);
// docs: end

const { version } = require("@binance/connector/package.json");
const { data: info } = await spot.exchangeInfo();
tell("client", { version, symbols: info.symbols.map((s) => s.symbol) });
for await (const word of words()) {
  if (word === "keepalive") {
    const { status, data } = await spot.renewListenKey(listenKey);
    stream.pingServer();
    tell("kept", { status, data });
  } else {
    stream.disconnect();
    const { status, data } = await spot.closeListenKey(listenKey);
    const again = await spot.renewListenKey(listenKey).catch((e) => e.response);
    tell("closed", { status, data, again: again.data });
    break;
  }
}
process.exit(0);
