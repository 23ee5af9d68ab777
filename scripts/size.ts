/** How much a visitor downloads. Fails above the budget: the README promises these sizes. */
import { readFile } from "node:fs/promises";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { buildSdk } from "./build-sdk.ts";

const BUDGETS = [
  { file: "millrace.js", encoding: "Brotli", compress: brotliCompressSync, maxBytes: 5_000 },
  { file: "millrace.js", encoding: "gzip", compress: gzipSync, maxBytes: 8_000 },
];

const source = await readFile(await buildSdk());
for (const { file, encoding, compress, maxBytes } of BUDGETS) {
  const bytes = compress(source).length;
  console.log(`${file}, ${encoding}: ${bytes} bytes of at most ${maxBytes}`);
  if (bytes > maxBytes) process.exitCode = 1;
}
