// How a program that drives a client talks to its test: JSON lines out, words in.
import { createInterface } from "node:readline";

export function tell(kind, fields = {}) {
  process.stdout.write(JSON.stringify({ kind, ...fields }) + "\n");
}

// The test's words, one after the other: "keepalive", "close".
export function words() {
  return createInterface({ input: process.stdin });
}
