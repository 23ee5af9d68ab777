import { sha256 } from "../core/hash.ts";
import { inFrontOfScript, type ScriptSettings } from "../core/script-settings.ts";

export interface BrowserScript {
  text: string;
  /** Eight hex digits that change with the text. */
  hash: string;
}

/** By binding, which lives as long as the isolate: a deployment that brings another script starts another isolate. */
const scripts = new WeakMap<Fetcher, BrowserScript>();

/** The browser script, behind the settings of the source that it is for. */
export async function scriptOf(assets: Fetcher, settings?: ScriptSettings): Promise<BrowserScript> {
  const built = await builtScript(assets);
  if (!settings) return built;
  const front = inFrontOfScript(settings);
  return { text: front + built.text, hash: shortHash(front + built.hash) };
}

const shortHash = (text: string) => sha256(text).slice(0, 8);

/** As scripts/build-assets.ts made it. */
async function builtScript(assets: Fetcher): Promise<BrowserScript> {
  const known = scripts.get(assets);
  if (known) return known;
  const response = await assets.fetch("https://assets.invalid/millrace.js");
  if (!response.ok) throw new Error(`the browser script is not among the assets: ${response.status}`);
  const text = await response.text();
  const script = { text, hash: shortHash(text) };
  scripts.set(assets, script);
  return script;
}
