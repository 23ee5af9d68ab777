/**
 * CPU per request and requests per second of the ingest Worker, against a bare Worker that parses and enqueues, in one run on
 * workerd. The two take turns, so that a noisy machine disturbs both alike; what counts is the ratio.
 */
import { configKey, type Environment, source } from "../core/environment.ts";
import { sha256 } from "../core/hash.ts";
import { firstShardMap } from "../core/shard-map.ts";
import { load, post } from "./load.ts";
import { traffic } from "./traffic.ts";
import { type BenchWorker, machine, startWorker } from "./workerd.ts";

const WRITE_KEY = "wk_bench";
const ROUNDS = 7;
const SECONDS = 2;
const CONNECTIONS = 16;

interface Measured {
  cpu_us_per_request: number[];
  requests_per_second: number[];
  p99_ms: number[];
}

export async function benchIngest(progress: (text: string) => void) {
  const bare = await startWorker("bare", "bench/bare-worker.ts", { queueProducers: { RAW_EVENTS: "raw-events" } });
  const ingest = await startWorker("ingest", "workers/ingest/index.ts", {
    queueProducers: { RAW_EVENTS: "raw-events" },
    kvNamespaces: { CONFIG: "config" },
    r2Buckets: { LAKE: "lake" },
    ratelimits: { SOURCE_LIMIT: { namespace_id: "1", simple: { limit: 100_000_000, period: 60 } } },
  });
  try {
    await publishBenchEnvironment(ingest);
    const results = [];
    for (const events of [1, 10, 100]) results.push(await compare(bare, ingest, events, progress));
    return {
      benchmark: "ingest",
      machine: machine(),
      rounds: ROUNDS,
      seconds_a_round: SECONDS,
      connections: CONNECTIONS,
      reference: "bare Worker: JSON.parse of the body and one queue send",
      results,
    };
  } finally {
    await Promise.all([bare.stop(), ingest.stop()]);
  }
}

async function compare(bare: BenchWorker, ingest: BenchWorker, events: number, progress: (text: string) => void) {
  const bodies = Array.from({ length: 50 }, (_, i) =>
    JSON.stringify({ write_key: WRITE_KEY, sent_at: new Date().toISOString(), batch: traffic(events, i + 1) }),
  );
  const headers = {
    cookie: "_dfid=8a6e0804-2bd0-4672-b79d-d97027f9071a; _ga=GA1.1.1.1700000000; _fbp=fb.1.1700000000000.1",
    origin: "https://shop.example.com",
  };
  const requests = (worker: BenchWorker) => {
    const made = bodies.map((body) => post(worker.url, "/v1/batch", headers, body));
    return (i: number) => made[i % made.length]!;
  };
  const measured = { bare: empty(), ingest: empty() };
  const once = async (worker: BenchWorker, into?: Measured) => {
    const cpu = worker.cpuMs();
    const result = await load(worker.url, requests(worker), { connections: CONNECTIONS, seconds: SECONDS });
    if (result.requests !== result.statuses[200])
      throw new Error(`not every request was answered 200: ${JSON.stringify(result.statuses)}`);
    into?.cpu_us_per_request.push(((worker.cpuMs() - cpu) * 1_000) / result.requests);
    into?.requests_per_second.push(result.requests / result.seconds);
    into?.p99_ms.push(result.latency.p99);
  };
  progress(`ingest, ${events} event${events > 1 ? "s" : ""} a request: warming up`);
  await once(bare);
  await once(ingest);
  for (let round = 1; round <= ROUNDS; round++) {
    progress(`ingest, ${events} event${events > 1 ? "s" : ""} a request: round ${round} of ${ROUNDS}`);
    await once(bare, measured.bare);
    await once(ingest, measured.ingest);
  }
  const ratios = measured.ingest.cpu_us_per_request.map((us, i) => us / measured.bare.cpu_us_per_request[i]!);
  return {
    events_a_request: events,
    bytes_a_request: Buffer.byteLength(bodies[0]!),
    cpu_us_per_request: {
      bare: spread(measured.bare.cpu_us_per_request),
      ingest: spread(measured.ingest.cpu_us_per_request),
    },
    cpu_ratio: spread(ratios, 2),
    requests_per_second: {
      bare: spread(measured.bare.requests_per_second),
      ingest: spread(measured.ingest.requests_per_second),
    },
    p99_ms: { bare: spread(measured.bare.p99_ms, 1), ingest: spread(measured.ingest.p99_ms, 1) },
  };
}

/** An environment as a shop would have it: three integrations, two of which want cookies. */
async function publishBenchEnvironment(worker: BenchWorker): Promise<void> {
  const document: Environment = {
    id: "env_bench",
    organisation_id: "org_bench",
    name: "prod",
    version: 1,
    published_at: new Date().toISOString(),
    shard_map: firstShardMap(),
    session_timeout_s: 1_800,
    consent_default: "granted",
    sources: [source.parse({ id: "src_bench", name: "Shop" })],
    integrations: ["ga4", "meta", "webhook"].map((destination) => ({
      id: `int_${destination}`,
      name: destination,
      destination,
      enabled: true,
      settings: {},
    })),
  };
  const kv = await worker.miniflare.getKVNamespace("CONFIG");
  await kv.put(configKey.environment(document.id), JSON.stringify(document));
  const key = { id: "key_bench", environment_id: document.id, source_id: "src_bench", kind: "public", revoked: false };
  await kv.put(configKey.writeKey(sha256(WRITE_KEY)), JSON.stringify(key));
}

const empty = (): Measured => ({ cpu_us_per_request: [], requests_per_second: [], p99_ms: [] });

/** Median, and the lowest and highest of the rounds. */
function spread(values: number[], digits = 0): { median: number; min: number; max: number } {
  const sorted = [...values].sort((a, b) => a - b);
  const round = (value: number) => Number(value.toFixed(digits));
  return { median: round(sorted[Math.floor(sorted.length / 2)]!), min: round(sorted[0]!), max: round(sorted.at(-1)!) };
}
