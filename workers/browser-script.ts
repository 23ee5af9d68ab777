import { sha256 } from "../core/hash.ts";

export interface BrowserScript {
  text: string;
  /** The first eight hex digits of the text's SHA-256. */
  hash: string;
}

/** By binding, which lives as long as the isolate: a deployment that brings another script starts another isolate. */
const scripts = new WeakMap<Fetcher, BrowserScript>();

/** The browser script as it was built (scripts/build-assets.ts). */
export async function scriptOf(assets: Fetcher): Promise<BrowserScript> {
  const known = scripts.get(assets);
  if (known) return known;
  const response = await assets.fetch("https://assets.invalid/millrace.js");
  if (!response.ok) throw new Error(`the browser script is not among the assets: ${response.status}`);
  const text = await response.text();
  const script = { text, hash: sha256(text).slice(0, 8) };
  scripts.set(assets, script);
  return script;
}
