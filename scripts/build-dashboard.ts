/** The dashboard in `pages/dist/app`, unless what lies there was made of the very same sources: every local stack asks for it. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const PAGES = resolve(import.meta.dirname, "../pages");
const VITE = resolve(import.meta.dirname, "../node_modules/vite/bin/vite.js");
const STAMP = join(PAGES, "dist/app/.made-of");

export async function buildDashboard(): Promise<void> {
  const madeOf = await fingerprint();
  const known = await readFile(STAMP, "utf8").catch(() => "");
  if (known === madeOf) return;
  // In a process of its own: a test's NODE_ENV would make it the development build, which is half as large again.
  await promisify(execFile)(
    process.execPath,
    [VITE, "build", "--config", join(PAGES, "vite.config.ts"), "--logLevel", "warn"],
    {
      env: { ...process.env, NODE_ENV: "production" },
    },
  );
  await writeFile(STAMP, madeOf);
}

async function fingerprint(): Promise<string> {
  const hash = createHash("sha256");
  const folders = ["src", "public"].map((name) => join(PAGES, name));
  const listed = await Promise.all(folders.map((folder) => readdir(folder, { recursive: true, withFileTypes: true })));
  const files = listed
    .flat()
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const others = [
    "index.html",
    "vite.config.ts",
    "list-prices.ts",
    "../bench/results.json",
    "../package-lock.json",
  ].map((name) => join(PAGES, name));
  for (const file of [...files, ...others].sort())
    hash.update(`${file.slice(PAGES.length)}\0`).update(await readFile(file));
  return hash.digest("hex");
}

if (import.meta.main) await buildDashboard();
