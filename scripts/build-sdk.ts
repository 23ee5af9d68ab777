/** Bundles the browser SDK to `sdk/dist/`, and to `pages/dist/`, from where the Worker serves it. */
import { randomUUID } from "node:crypto";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { build } from "esbuild";
import { minify } from "terser";

const ROOT = join(import.meta.dirname, "..");
const DIST = join(ROOT, "sdk/dist");
/** What a tag loads, in full or small, and what that loads itself: on pages that are linked to other hosts, where a consent manager is named, and to debug. */
const SCRIPTS = {
  millrace: join(ROOT, "sdk/millrace.ts"),
  "millrace.lite": join(ROOT, "sdk/lite.ts"),
  "millrace-hub": join(ROOT, "sdk/identity-hub.ts"),
  "millrace-consent": join(ROOT, "sdk/consent-script.ts"),
  "millrace-debug": join(ROOT, "sdk/debug.ts"),
};

/** The path of the built script; `millrace-hub.js` lies beside it. */
export async function buildSdk(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: SCRIPTS,
    outdir: DIST,
    bundle: true,
    minify: true,
    write: false,
    format: "iife",
    target: "es2019",
    tsconfig: join(ROOT, "sdk/tsconfig.json"),
  });
  for (const { path, text } of outputFiles) {
    const script = await smallest(text);
    for (const folder of [DIST, join(ROOT, "pages/dist")]) await replaceFile(join(folder, basename(path)), script);
  }
  return join(DIST, "millrace.js");
}

/** Of objects that no page, no other script and no server ever sees. */
const OWN_PROPERTIES = /^(fits|post|beacon|retryAfterMs|settle|resume|depart)$/;

/** What esbuild has made small already gets 4 % smaller. */
async function smallest(script: string): Promise<string> {
  const { code } = await minify(script, {
    ecma: 2019,
    compress: { passes: 3, unsafe_arrows: true, pure_getters: true },
    mangle: { properties: { regex: OWN_PROPERTIES } },
    // A script is read in its page's encoding where its server names none.
    format: { ascii_only: true },
  });
  return code!;
}

/** In one step, since several test files build at once and read what others wrote. */
async function replaceFile(path: string, contents: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const unfinished = `${path}.${process.pid}.${randomUUID()}`;
  await writeFile(unfinished, contents);
  await rename(unfinished, path);
}

if (import.meta.main) console.log(await buildSdk());
