/**
 * What a visitor would download from others, beside what they download from us: the published browser builds of the SDKs that are
 * installed here for tests, compressed alike. `npm run size -- --compare`.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";

const ROOT = join(import.meta.dirname, "..");
const BUILDS: [title: string, file: string][] = [
  ["Millrace, everything", "sdk/dist/millrace.js"],
  ["Millrace, lite", "sdk/dist/millrace.lite.js"],
  ["Plausible, tracker", "node_modules/@plausible-analytics/tracker/plausible.js"],
  ["Segment, analytics-next", "node_modules/@segment/analytics-next/dist/umd/standalone.js"],
  ["RudderStack, without plugins", "node_modules/@rudderstack/analytics-js/dist/npm/modern/umd/index.js"],
];

export async function compareSizes(): Promise<{ title: string; version: string; gzip: number; brotli: number }[]> {
  const found = [];
  for (const [title, file] of BUILDS) {
    const path = join(ROOT, file);
    if (!existsSync(path)) continue;
    const script = await readFile(path);
    const owner = /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1];
    const manifest = join(ROOT, owner ? `node_modules/${owner}/package.json` : "package.json");
    const { version } = JSON.parse(await readFile(manifest, "utf8"));
    found.push({
      title,
      version,
      gzip: gzipSync(script, { level: 9 }).length,
      brotli: brotliCompressSync(script).length,
    });
  }
  return found;
}
