/** Bundles the browser SDK to `sdk/dist/`, and to `pages/dist/`, from where the Worker serves it. */
import { randomUUID } from "node:crypto";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { build } from "esbuild";

const ROOT = join(import.meta.dirname, "..");
const DIST = join(ROOT, "sdk/dist");
/** What the tag loads, and what that loads itself on pages that are linked to other hosts. */
const SCRIPTS = { millrace: join(ROOT, "sdk/millrace.ts"), "millrace-hub": join(ROOT, "sdk/identity-hub.ts") };

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
  for (const { path, contents } of outputFiles) {
    for (const folder of [DIST, join(ROOT, "pages/dist")]) await replaceFile(join(folder, basename(path)), contents);
  }
  return join(DIST, "millrace.js");
}

/** In one step, since several test files build at once and read what others wrote. */
async function replaceFile(path: string, contents: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const unfinished = `${path}.${process.pid}.${randomUUID()}`;
  await writeFile(unfinished, contents);
  await rename(unfinished, path);
}

if (import.meta.main) console.log(await buildSdk());
