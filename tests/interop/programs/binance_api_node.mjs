// binance-api-node: ws.user(), events with long names.
import { createRequire } from "node:module";
import { PRICE, QUANTITY, SYMBOL, TAKEN, TOO_MUCH, obey, tell } from "./lines.mjs";

const require = createRequire(import.meta.url);
const Binance = require("binance-api-node").default;

// docs: begin
const client = Binance({
  apiKey: process.env.API_KEY,
  apiSecret: process.env.API_SECRET,
  httpBase: process.env.REST_URL,
  wsBase: process.env.STREAM_URL + "/ws",
  emitSocketOpens: true,
});
const close = await client.ws.user((event) => tell("event", { event }));
// docs: end

const { version } = require("binance-api-node/package.json");
tell("client", { version, time: await client.time() });
const symbol = SYMBOL;
let orderId;
await obey({
  async limit() {
    const answer = await client.order({ symbol, side: "BUY", quantity: QUANTITY, price: PRICE });
    ({ orderId } = answer);
    return { id: orderId, answer };
  },
  async cancel() {
    return { answer: await client.cancelOrder({ symbol, orderId }) };
  },
  async market() {
    return { answer: await client.order({ symbol, side: "BUY", type: "MARKET", quantity: TAKEN }) };
  },
  async bad() {
    const refused = client.order({ symbol, side: "BUY", quantity: TOO_MUCH, price: PRICE });
    const { code, message } = await refused.catch((e) => e);
    return { code, msg: message }; // it hides the HTTP status
  },
  async look() {
    return {
      account: await client.accountInfo(),
      order: await client.getOrder({ symbol, orderId }),
      open: await client.openOrders({ symbol }),
      all: await client.allOrders({ symbol }),
      trades: await client.myTrades({ symbol }),
    };
  },
  async keepalive() {
    const { listenKey } = await client.getDataStream();
    return { answer: await client.keepDataStream({ listenKey }) };
  },
});
tell("close", { answer: await close() });
process.exit(0);
