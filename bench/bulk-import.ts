/**
 * Rows a second, CPU and memory of an import of 100 MB, from the upload to the queue, on workerd with the real Workflow and R2. Nobody
 * consumes the queue: what the processor does with the events is the pipeline's benchmark.
 */
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { configKey, type Environment, source } from "../core/environment.ts";
import { sha256 } from "../core/hash.ts";
import { profileSettings } from "../core/profile-settings.ts";
import { firstProfileShardMap, firstShardMap } from "../core/shard-map.ts";
import { type BenchWorker, machine, startWorker } from "./workerd.ts";

const SERVER_KEY = "sk_bench";
const MB = 1024 * 1024;
const SAMPLE_MS = 100;

interface ImportFile {
  name: string;
  query: string;
  body: Uint8Array;
}

export async function benchBulkImport(progress: (text: string) => void) {
  const results = [];
  for (const make of FILES) {
    // A process for each, as memory that was once taken is not given back.
    const worker = await startWorker("ingest", "workers/ingest/index.ts", {
      queueProducers: { RAW_EVENTS: "raw-events" },
      kvNamespaces: { CONFIG: "config" },
      r2Buckets: { LAKE: "lake" },
      workflows: { IMPORTS: { name: "imports", className: "BulkImport" } },
    });
    try {
      await publish(worker);
      results.push(await measure(worker, make(), progress));
    } finally {
      await worker.stop();
    }
  }
  return { benchmark: "bulk-import", machine: machine(), results };
}

/** Orders as a shop exports them, one of a hundred without a customer. */
function csvOf(bytes: number): string {
  const rows = ["order_id,user_id,bought_at,total,currency,city,note"];
  for (let size = 0, i = 0; size < bytes; i++) {
    const user = i % 100 === 99 ? "" : `user-${i % 50_000}`;
    const row = `o-${i},${user},2024-0${1 + (i % 9)}-11T10:20:30Z,${(i % 9_000) / 100},EUR,Ghent,"two for ""one"", as agreed no. ${i}"`;
    rows.push(row);
    size += row.length + 1;
  }
  return rows.join("\n");
}

const ORDERS = `type=track&event=Order+Completed&mapping=${encodeURIComponent(
  JSON.stringify({ bought_at: "timestamp", total: "properties.total:number" }),
)}`;

const FILES: (() => ImportFile)[] = [
  () => ({ name: "csv of 100 MB", query: `format=csv&${ORDERS}`, body: Buffer.from(csvOf(100 * MB - 200)) }),
  () => ({
    name: "csv of 100 MB, dry run",
    query: `format=csv&dry_run=true&${ORDERS}`,
    body: Buffer.from(csvOf(100 * MB - 200)),
  }),
  () => ({
    name: "gzip of 400 MB of csv",
    query: `format=csv&${ORDERS}`,
    body: gzipSync(csvOf(400 * MB), { level: 1 }),
  }),
  // Refused while it is inflated, at 1 GB.
  () => ({ name: "gzip bomb of 20 GB", query: "format=ndjson", body: bomb(20) }),
];

/** Zeros: a thousandth of their length. */
function bomb(gigabytes: number): Uint8Array {
  const member = gzipSync(new Uint8Array(256 * MB), { level: 9 });
  return Buffer.concat(Array.from({ length: gigabytes * 4 }, () => member));
}

async function measure(worker: BenchWorker, { name, query, body }: ImportFile, progress: (text: string) => void) {
  const headers = { authorization: `Basic ${btoa(`${SERVER_KEY}:`)}` };
  progress(`bulk import, ${name}: sending ${Math.round(body.byteLength / MB)} MB`);
  const memory = { before: memoryMb(), most: 0 };
  const timer = setInterval(() => {
    memory.most = Math.max(memory.most, memoryMb());
  }, SAMPLE_MS);
  const cpu = worker.cpuMs();
  const started = performance.now();
  try {
    const answer = await fetch(new URL(`/v1/bulk/import?${query}`, worker.url), { method: "POST", headers, body });
    const { import_id } = (await answer.json()) as { import_id: string };
    if (answer.status !== 202) throw new Error(`the import was answered ${answer.status}`);
    const stored = performance.now();
    const uploadMemory = memory.most;
    for (;;) {
      await new Promise((done) => setTimeout(done, 500));
      const status = await fetch(new URL(`/v1/bulk/import/${import_id}`, worker.url), { headers });
      const told = (await status.json()) as Told;
      if (told.status === "queued" || told.status === "running") continue;
      const seconds = (performance.now() - stored) / 1_000;
      const cpuMs = worker.cpuMs() - cpu;
      return {
        name,
        status: told.status,
        failure: told.failure?.code,
        rows: told.rows,
        upload_seconds: round((stored - started) / 1_000),
        seconds: round(seconds),
        rows_per_second: Math.round(told.rows.read / seconds),
        cpu_us_per_row: told.rows.read ? round((cpuMs * 1_000) / told.rows.read) : undefined,
        cpu_seconds: round(cpuMs / 1_000),
        /** Of the process: the simulator's R2, Workflows and queue are in it. */
        memory_mb: {
          before: Math.round(memory.before),
          upload: Math.round(uploadMemory),
          most: Math.round(memory.most),
        },
      };
    }
  } finally {
    clearInterval(timer);
  }
}

interface Told {
  status: string;
  rows: { read: number; accepted: number; rejected: number };
  failure: { code: string } | null;
}

/** Resident memory of the workerd that this process started. Linux only: 0 elsewhere. */
function memoryMb(): number {
  if (process.platform !== "linux") return 0;
  let mb = 0;
  for (const pid of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      if (!/^Name:\s+workerd$/m.test(status) || !status.includes(`PPid:\t${process.pid}\n`)) continue;
      mb += Number(status.match(/^VmRSS:\s+(\d+)/m)?.[1] ?? 0) / 1024;
    } catch {
      // It has ended meanwhile.
    }
  }
  return mb;
}

const round = (value: number) => Math.round(value * 10) / 10;

async function publish({ miniflare }: BenchWorker): Promise<void> {
  const environment: Environment = {
    id: "env_bench",
    organisation_id: "org_bench",
    name: "prod",
    version: 1,
    published_at: new Date().toISOString(),
    shard_map: firstShardMap(8),
    session_timeout_s: 1_800,
    new_session_on_campaign: false,
    consent_default: "granted",
    profile_shard_map: firstProfileShardMap(),
    profiles: profileSettings.parse({}),
    sources: [source.parse({ id: "src_bench", name: "Bench" })],
    integrations: [],
  };
  const about = { id: "key_bench", environment_id: environment.id, source_id: "src_bench", kind: "server" };
  const kv = await miniflare.getKVNamespace("CONFIG");
  await kv.put(configKey.environment(environment.id), JSON.stringify(environment));
  await kv.put(configKey.writeKey(sha256(SERVER_KEY)), JSON.stringify(about));
}
