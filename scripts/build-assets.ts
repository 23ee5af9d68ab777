/** Everything that the Worker serves as a file: the browser SDK, the dashboard and the pages beside it. */
import { cp, mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import { buildDashboard } from "./build-dashboard.ts";
import { buildSdk } from "./build-sdk.ts";

export async function buildAssets(): Promise<void> {
  const dist = resolve(import.meta.dirname, "../pages/dist");
  await mkdir(dist, { recursive: true });
  await cp(resolve(import.meta.dirname, "../pages/static"), dist, { recursive: true });
  await Promise.all([buildSdk(), buildDashboard()]);
}

if (import.meta.main) await buildAssets();
