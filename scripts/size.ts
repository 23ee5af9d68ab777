/** How much a visitor downloads. Fails above the budget: the README promises these sizes. */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { buildSdk } from "./build-sdk.ts";
import { compareSizes } from "./compare-sdk-sizes.ts";

const BUDGETS = [
  { file: "millrace.js", encoding: "Brotli", compress: brotliCompressSync, maxBytes: 5_000 },
  { file: "millrace.js", encoding: "gzip", compress: gzipSync, maxBytes: 5_600 },
  { file: "millrace.lite.js", encoding: "gzip", compress: gzipSync, maxBytes: 1_400 },
  // Only on pages that are linked to other hosts, that name a consent manager, that are being debugged.
  { file: "millrace-hub.js", encoding: "Brotli", compress: brotliCompressSync, maxBytes: 1_500 },
  { file: "millrace-consent.js", encoding: "Brotli", compress: brotliCompressSync, maxBytes: 1_500 },
  { file: "millrace-debug.js", encoding: "Brotli", compress: brotliCompressSync, maxBytes: 1_500 },
];

const folder = dirname(await buildSdk());
for (const { file, encoding, compress, maxBytes } of BUDGETS) {
  const bytes = compress(await readFile(join(folder, file))).length;
  console.log(`${file}, ${encoding}: ${bytes} bytes of at most ${maxBytes}`);
  if (bytes > maxBytes) process.exitCode = 1;
}

if (process.argv.includes("--compare")) {
  console.log("\nBeside others, as published (gzip, Brotli):");
  for (const { title, version, gzip, brotli } of await compareSizes())
    console.log(`  ${title} ${version}`.padEnd(40), `${gzip}`.padStart(7), `${brotli}`.padStart(7));
}
