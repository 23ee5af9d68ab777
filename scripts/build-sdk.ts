/** Bundles the browser SDK to `sdk/dist/millrace.js`, and to `pages/dist/`, from where the Worker serves it. */
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

const ROOT = join(import.meta.dirname, "..");
const OUTPUT = join(ROOT, "sdk/dist/millrace.js");

/** The path of the built script. */
export async function buildSdk(): Promise<string> {
  await build({
    entryPoints: [join(ROOT, "sdk/millrace.ts")],
    outfile: OUTPUT,
    bundle: true,
    minify: true,
    format: "iife",
    target: "es2019",
    tsconfig: join(ROOT, "sdk/tsconfig.json"),
  });
  await mkdir(join(ROOT, "pages/dist"), { recursive: true });
  await copyFile(OUTPUT, join(ROOT, "pages/dist/millrace.js"));
  return OUTPUT;
}

if (import.meta.main) console.log(await buildSdk());
