import { parseArgs } from "node:util";
import { startVendorSink } from "./sink.ts";

const { values } = parseArgs({ options: { port: { type: "string", default: "0" } } });
const sink = await startVendorSink({ port: Number(values.port) });
// Before the line that others wait for: once they have read it, they may stop us.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => sink.close());
console.log(`vendor sink on ${sink.url}`);
