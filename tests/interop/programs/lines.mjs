// How a program that drives a client talks to its test: JSON lines out, words in.
import { createInterface } from "node:readline";

// What the programs of all clients trade.
export const SYMBOL = "BTCUSDT";
export const QUANTITY = "0.05";
export const PRICE = "60000.00"; // a bid that rests: the market is at 64000
export const TAKEN = "10"; // more than the best level offers
export const TOO_MUCH = "9000"; // of BTC, for ten million USDT

export function tell(kind, fields = {}) {
  process.stdout.write(JSON.stringify({ kind, ...fields }) + "\n");
}

// Does what each word asks for and tells what came of it, until the word is "close".
export async function obey(calls) {
  for await (const word of createInterface({ input: process.stdin })) {
    if (word === "close") return;
    tell(word, await calls[word]());
  }
}
