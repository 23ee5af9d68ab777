/**
 * The browser SDK as an npm package in `sdk/dist/npm`: one ES module from which a bundler takes what a page imports, and its types. The
 * npm client publishes the folder as it is: `npm publish sdk/dist/npm`.
 */
import { execFileSync } from "node:child_process";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

const ROOT = join(import.meta.dirname, "..");
const FOLDER = join(ROOT, "sdk/dist/npm");

export async function buildSdkPackage(): Promise<string> {
  await rm(FOLDER, { recursive: true, force: true });
  await mkdir(FOLDER, { recursive: true });
  await build({
    entryPoints: [join(ROOT, "sdk/index.ts")],
    outfile: join(FOLDER, "index.js"),
    bundle: true,
    format: "esm",
    target: "es2019",
    tsconfig: join(ROOT, "sdk/tsconfig.json"),
    logLevel: "error",
  });
  execFileSync(join(ROOT, "node_modules/.bin/tsc"), ["-p", join(ROOT, "sdk/tsconfig.package.json")], {
    stdio: "inherit",
  });
  const { version, license } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
  const manifest = {
    name: "millrace",
    version,
    license,
    description: "The browser SDK of Millrace, the customer-data platform on your own Cloudflare account",
    type: "module",
    sideEffects: false,
    exports: { ".": { types: "./types/sdk/index.d.ts", default: "./index.js" } },
    files: ["index.js", "types"],
  };
  await writeFile(join(FOLDER, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  for (const file of ["LICENSE", "sdk/README.md"]) await cp(join(ROOT, file), join(FOLDER, file.replace("sdk/", "")));
  return FOLDER;
}

if (import.meta.main) console.log(await buildSdkPackage());
