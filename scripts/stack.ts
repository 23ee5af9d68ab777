/**
 * The whole platform on this machine: built, migrated, seeded, with a vendor sink, under `wrangler dev`. What `npm run dev`, the
 * demo and the journeys start. Everything it keeps lies in one folder; everything it started ends with `close`.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { drizzle } from "drizzle-orm/d1";
import { getPlatformProxy } from "wrangler";
import * as schema from "../db/schema.ts";
import type { SeedSecrets } from "../db/seed.ts";
import { seed } from "../db/seed.ts";
import { seedOwner } from "../db/seed-owner.ts";
import { startVendorSink, type VendorSink } from "../test/vendor-sink/sink.ts";
import { buildAssets } from "./build-assets.ts";

const ROOT = resolve(import.meta.dirname, "..");
const OWNER = "owner@example.com";
const WRANGLER = join(ROOT, "node_modules/wrangler/bin/wrangler.js");

/** No questions, no telemetry, and no asking Cloudflare where this machine stands: the stack works without a network. */
const QUIET = { ...process.env, CI: "1", WRANGLER_SEND_METRICS: "false", CLOUDFLARE_CF_FETCH_ENABLED: "false" };

export interface StackOptions {
  /** 0 picks a free one. */
  port: number;
  stateDir: string;
  onProgress?: (text: string) => void;
  /** Where the Worker's own log lines go; absent: nowhere. */
  onLog?: (text: string) => void;
}

export interface Stack {
  url: string;
  environment_id: string;
  write_key: string;
  server_key: string;
  admin_token: string;
  /** Who may sign in, as an admin. */
  owner: { email: string; password: string };
  sink: VendorSink;
  /** Resolves when the Worker ends by itself, with its exit code. */
  ended: Promise<number | null>;
  close(): Promise<void>;
}

interface DevSecrets extends SeedSecrets {
  admin_token: string;
  /** 32 bytes as base64. */
  door_key: string;
  /** Absent in a state folder that is older than it. */
  pii_key?: string;
  /** Absent in folders of before receipts were signed: they stay unsigned there. */
  receipt_key?: string;
  auth_secret: string;
  owner_password: string;
}

/** Starts everything and resolves when the Worker answers. Throws, with the Worker's last words, where it does not within a minute. */
export async function startStack({
  port,
  stateDir,
  onProgress = () => {},
  onLog = () => {},
}: StackOptions): Promise<Stack> {
  const state = resolve(stateDir);
  await mkdir(state, { recursive: true });
  onProgress("building the browser SDK");
  await buildAssets();
  const secrets = await secretsIn(state);
  onProgress("applying migrations");
  await wrangler(["d1", "migrations", "apply", "millrace", "--local", "--persist-to", state]);
  onProgress("seeding an organisation, an environment, a source and three integrations");
  const environment = await seedState(state, secrets);
  const sink = await startVendorSink({ webhookSecrets: { webhook: secrets.webhook_secret } });
  const chosen = port || (await freePort());
  onProgress(`starting wrangler dev on port ${chosen}`);
  const worker = await startWorker(chosen, state, secrets, sink.url, onLog).catch(async (error) => {
    await sink.close();
    throw error;
  });
  const url = `http://localhost:${chosen}`;
  // The simulator never runs cron triggers by itself.
  const cron = setInterval(() => fetch(`${url}/cdn-cgi/local/scheduled`).catch(() => {}), 60_000);
  return {
    url,
    environment_id: environment.id,
    write_key: secrets.write_key,
    server_key: secrets.server_key,
    admin_token: secrets.admin_token,
    owner: { email: OWNER, password: secrets.owner_password },
    sink,
    ended: worker.ended,
    close: async () => {
      clearInterval(cron);
      await worker.stop();
      await sink.close();
    },
  };
}

/** Made once for each state folder, so that keys stay the same from one start to the next. */
async function secretsIn(state: string): Promise<DevSecrets> {
  const file = join(state, "dev-secrets.json");
  try {
    const kept = JSON.parse(await readFile(file, "utf8")) as DevSecrets;
    if (kept.auth_secret) return kept;
    // Of before people could sign in.
    const completed = { ...kept, ...signInSecrets() };
    await writeFile(file, JSON.stringify(completed, null, 2), { mode: 0o600 });
    return completed;
  } catch {
    const secrets: DevSecrets = {
      ...signInSecrets(),
      write_key: `wk_${randomBytes(12).toString("hex")}`,
      server_key: `sk_${randomBytes(24).toString("hex")}`,
      admin_token: `at_${randomBytes(24).toString("hex")}`,
      webhook_secret: `whsec_${randomBytes(32).toString("base64")}`,
      credentials_key: randomBytes(32).toString("base64"),
      door_key: randomBytes(32).toString("base64"),
      pii_key: randomBytes(32).toString("base64"),
      receipt_key: randomBytes(32).toString("base64"),
    };
    await writeFile(file, JSON.stringify(secrets, null, 2), { mode: 0o600 });
    return secrets;
  }
}

const signInSecrets = () => ({
  auth_secret: randomBytes(32).toString("base64"),
  owner_password: `mill-${randomBytes(6).toString("hex")}-1`,
});

async function seedState(state: string, secrets: DevSecrets) {
  const { env, dispose } = await getPlatformProxy<{ DB: D1Database; CONFIG: KVNamespace }>({
    configPath: join(ROOT, "db/wrangler.toml"),
    persist: { path: join(state, "v3") },
  });
  try {
    const db = drizzle(env.DB, { schema });
    const environment = await seed(db, env.CONFIG, secrets);
    await seedOwner(db, environment.organisation_id, { email: OWNER, password: secrets.owner_password });
    return environment;
  } finally {
    await dispose();
  }
}

async function startWorker(
  port: number,
  state: string,
  secrets: DevSecrets,
  sinkUrl: string,
  onLog: (text: string) => void,
) {
  const vars = join(state, "dev.vars");
  const lines = [
    `ADMIN_TOKEN="${secrets.admin_token}"`,
    `CREDENTIALS_KEY="${secrets.credentials_key}"`,
    `AUTH_SECRET="${secrets.auth_secret}"`,
    `DOOR_KEY="${secrets.door_key}"`,
    ...(secrets.pii_key ? [`PII_KEY="${secrets.pii_key}"`] : []),
    ...(secrets.receipt_key ? [`RECEIPT_KEY="${secrets.receipt_key}"`] : []),
    `VENDOR_SINK_URL="${sinkUrl}"`,
  ];
  await writeFile(vars, `${lines.join("\n")}\n`, { mode: 0o600 });
  const args = ["dev", "--port", String(port), "--inspector-port", "0", "--persist-to", state, "--env-file", vars];
  const child = spawn(
    process.execPath,
    [WRANGLER, ...args, "--show-interactive-dev-session=false", "--log-level", "warn"],
    {
      cwd: ROOT,
      env: { ...QUIET, FORCE_COLOR: "0" },
      stdio: ["ignore", "pipe", "pipe"],
      // Its own process group, so that `stop` reaches workerd as well.
      detached: process.platform !== "win32",
    },
  );
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      said.push(text);
      if (said.length > 200) said.shift();
      onLog(text);
    });
  }
  const ended = new Promise<number | null>((done) => child.once("exit", done));
  const stop = async () => {
    endGroup(child);
    await ended;
  };
  try {
    await untilItAnswers(`http://localhost:${port}/health/live`, ended);
  } catch (error) {
    await stop();
    throw new Error(`${(error as Error).message}\n${said.join("")}`);
  }
  return { ended, stop };
}

function endGroup(child: ChildProcess): void {
  if (child.exitCode !== null || child.pid === undefined) return;
  if (process.platform === "win32") spawn("taskkill", ["/pid", String(child.pid), "/t", "/f"]);
  else process.kill(-child.pid, "SIGTERM");
}

async function untilItAnswers(url: string, ended: Promise<number | null>): Promise<void> {
  let code: number | null | undefined;
  ended.then((exit) => {
    code = exit;
  });
  for (let tries = 0; tries < 300; tries++) {
    if (code !== undefined) throw new Error(`wrangler dev ended with code ${code}`);
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((wait) => setTimeout(wait, 200));
  }
  throw new Error(`wrangler dev did not answer on ${url} within a minute`);
}

function wrangler(args: string[]): Promise<void> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [WRANGLER, ...args], {
      cwd: ROOT,
      env: QUIET,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    child.stdout.on("data", (text) => (said += text));
    child.stderr.on("data", (text) => (said += text));
    child.once("exit", (code) =>
      code === 0 ? done() : fail(new Error(`wrangler ${args.join(" ")} failed:\n${said}`)),
    );
  });
}

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });
}
