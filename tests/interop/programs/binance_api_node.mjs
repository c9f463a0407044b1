// binance-api-node: ws.user(), events with long names.
import { createRequire } from "node:module";
import { tell, words } from "./lines.mjs";

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
for await (const word of words()) {
  if (word === "keepalive") {
    const { listenKey } = await client.getDataStream();
    tell("kept", { answer: await client.keepDataStream({ listenKey }) });
  } else {
    tell("closed", { answer: await close() });
    break;
  }
}
process.exit(0);
