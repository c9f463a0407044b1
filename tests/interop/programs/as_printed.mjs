// Preloaded (node --import) before the document's program, so that its text runs as it is printed.
//
// That text uses require() and a top-level await at once, which neither of node's two kinds of
// module has. It runs as an ES module, which has the await, and finds require() here, as a global.
import { createRequire } from "node:module";

globalThis.require = createRequire(import.meta.url);

// The program renews its key every 30 minutes. Intervals run CLOCK_SPEED times as fast.
const speed = Number(process.env.CLOCK_SPEED ?? 1);
const interval = globalThis.setInterval;
globalThis.setInterval = (f, ms, ...rest) => interval(f, ms / speed, ...rest);
