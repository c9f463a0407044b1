// @binance/connector: Spot for orders and the listen key, WebsocketStream for the stream, and the
// SUBSCRIBE that it sends when it is connected already.
import { createRequire } from "node:module";
import { PRICE, QUANTITY, SYMBOL, TAKEN, TOO_MUCH, obey, tell } from "./lines.mjs";

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
const LIMIT = { price: PRICE, timeInForce: "GTC" };
let orderId;
await obey({
  async limit() {
    const { data } = await spot.newOrder(SYMBOL, "BUY", "LIMIT", { ...LIMIT, quantity: QUANTITY });
    orderId = data.orderId;
    return { id: orderId, answer: data };
  },
  async cancel() {
    return { answer: (await spot.cancelOrder(SYMBOL, { orderId })).data };
  },
  async market() {
    return { answer: (await spot.newOrder(SYMBOL, "BUY", "MARKET", { quantity: TAKEN })).data };
  },
  async bad() {
    const refused = spot.newOrder(SYMBOL, "BUY", "LIMIT", { ...LIMIT, quantity: TOO_MUCH });
    const { response } = await refused.catch((e) => e);
    return { status: response.status, ...response.data };
  },
  async look() {
    return {
      account: (await spot.account()).data,
      order: (await spot.getOrder(SYMBOL, { orderId })).data,
      open: (await spot.openOrders({ symbol: SYMBOL })).data,
      all: (await spot.allOrders(SYMBOL)).data,
      trades: (await spot.myTrades(SYMBOL)).data,
    };
  },
  async keepalive() {
    const { status, data } = await spot.renewListenKey(listenKey);
    stream.pingServer();
    return { status, data };
  },
});
stream.disconnect();
const { status, data } = await spot.closeListenKey(listenKey);
const again = await spot.renewListenKey(listenKey).catch((e) => e.response);
tell("close", { status, data, again: again.data });
process.exit(0);
