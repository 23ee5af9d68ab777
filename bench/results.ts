/** What benchmarks measured last, by name: `bench/results.json`, written by `npm run bench -- … --save`. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

const FILE = join(import.meta.dirname, "results.json");

/** `{}` where nothing was saved yet. */
export async function readResults(): Promise<Record<string, object>> {
  try {
    return JSON.parse(await readFile(FILE, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw error;
  }
}

/** In the place of what was measured by that name before. */
export async function saveResult(result: { benchmark: string }): Promise<void> {
  const all = await readResults();
  all[result.benchmark] = { ...result, measured_at: new Date().toISOString().slice(0, 10) };
  await writeFile(FILE, `${JSON.stringify(all, null, 2)}\n`);
}
