/** `npm run build:split`: builds each Worker of the split deployment as `wrangler deploy` would, without deploying. Fails if one fails. */
import { spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { buildAssets } from "./build-assets.ts";

const ROOT = resolve(import.meta.dirname, "..");
const WRANGLER = join(ROOT, "node_modules/wrangler/bin/wrangler.js");
/** The joined Worker first, then the objects that the others bind to. */
const FOLDERS = [".", "durable-objects", "workers/ingest", "workers/processor", "workers/delivery", "workers/api"];

await buildAssets();
for (const folder of FOLDERS) {
  const outdir = join(ROOT, "dist", folder === "." ? "joined" : folder);
  const args = ["deploy", "--dry-run", "--minify", "--config", join(ROOT, folder, "wrangler.toml"), "--outdir", outdir];
  const { status, stdout, stderr } = spawnSync(process.execPath, [WRANGLER, ...args], {
    cwd: ROOT,
    encoding: "utf8",
    env: { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "1" },
  });
  if (status !== 0) {
    console.error(`✗ ${folder}\n${stdout}${stderr}`);
    process.exit(1);
  }
  const script = readdirSync(outdir).find((file) => file.endsWith(".js"))!;
  console.log(`✓ ${folder.padEnd(18)} ${Math.round(statSync(join(outdir, script)).size / 1024)} KB`);
}
