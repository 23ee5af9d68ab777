/**
 * CPU per request and requests per second of the ingest Worker, against a bare Worker that parses and enqueues, in one run on
 * workerd. The two take turns, so that a noisy machine disturbs both alike; what counts is the ratio.
 */
import { configKey, type Environment, source } from "../core/environment.ts";
import { sha256 } from "../core/hash.ts";
import { profileSettings } from "../core/profile-settings.ts";
import { firstProfileShardMap, firstShardMap } from "../core/shard-map.ts";
import { type LoadResult, load, post, steadyLoad } from "./load.ts";
import { traffic } from "./traffic.ts";
import { type BenchWorker, machine, startWorker } from "./workerd.ts";

const WRITE_KEY = "wk_bench";
const ROUNDS = 7;
const SECONDS = 2;
const CONNECTIONS = 16;
const STEADY_SECONDS = 20;
const WARM_UP_SECONDS = 5;

interface Measured {
  cpu_us_per_request: number[];
  requests_per_second: number[];
  p99_ms: number[];
}

export async function benchIngest(progress: (text: string) => void) {
  const bare = await startBare();
  const ingest = await startIngest();
  const results = [];
  try {
    for (const events of [1, 10, 100]) results.push(await compare(bare, ingest, events, progress));
  } finally {
    await Promise.all([bare.stop(), ingest.stop()]);
  }
  const perSecond = results[0]!.requests_per_second.ingest.median / 2;
  return {
    benchmark: "ingest",
    machine: machine(),
    rounds: ROUNDS,
    seconds_a_round: SECONDS,
    connections: CONNECTIONS,
    reference: "bare Worker: JSON.parse of the body and one queue send",
    results,
    steady: {
      requests_per_second: Math.round(perSecond),
      seconds: STEADY_SECONDS,
      bare: await steady("bare", startBare, perSecond, progress),
      ingest: await steady("ingest", startIngest, perSecond, progress),
    },
  };
}

const startBare = () => startWorker("bare", "bench/bare-worker.ts", { queueProducers: { RAW_EVENTS: "raw-events" } });

async function startIngest(): Promise<BenchWorker> {
  const worker = await startWorker("ingest", "workers/ingest/index.ts", {
    queueProducers: { RAW_EVENTS: "raw-events" },
    kvNamespaces: { CONFIG: "config" },
    r2Buckets: { LAKE: "lake" },
    ratelimits: {
      SOURCE_LIMIT: { namespace_id: "1", simple: { limit: 100_000_000, period: 60 } },
      ADDRESS_LIMIT: { namespace_id: "2", simple: { limit: 100_000_000, period: 60 } },
    },
  });
  await publishBenchEnvironment(worker);
  return worker;
}

async function compare(bare: BenchWorker, ingest: BenchWorker, events: number, progress: (text: string) => void) {
  const bodies = bodiesOf(events);
  const requests = (worker: BenchWorker) => requestsOf(worker, bodies);
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

/**
 * Latency where requests come at half the rate that this machine can serve, in milliseconds. In a process of its own: nobody takes
 * the simulated queue's messages away, and what the rounds before left in it makes for long collections.
 */
async function steady(
  name: string,
  start: () => Promise<BenchWorker>,
  perSecond: number,
  progress: (text: string) => void,
): Promise<LoadResult["latency"]> {
  const worker = await start();
  try {
    const requests = requestsOf(worker, bodiesOf(1));
    progress(`${name}, steadily ${Math.round(perSecond)} requests/s for ${STEADY_SECONDS} s`);
    await steadyLoad(worker.url, requests, { perSecond, seconds: WARM_UP_SECONDS });
    const {
      statuses,
      latency,
      requests: answered,
    } = await steadyLoad(worker.url, requests, {
      perSecond,
      seconds: STEADY_SECONDS,
    });
    if (answered !== statuses[200]) throw new Error(`not every request was answered 200: ${JSON.stringify(statuses)}`);
    const round = (ms: number) => Number(ms.toFixed(1));
    return { p50: round(latency.p50), p95: round(latency.p95), p99: round(latency.p99) };
  } finally {
    await worker.stop();
  }
}

/** Different bodies, of about 2 MB together. */
const bodiesOf = (events: number) =>
  Array.from({ length: Math.max(20, Math.round(2_000 / events)) }, (_, i) =>
    JSON.stringify({ write_key: WRITE_KEY, sent_at: new Date().toISOString(), batch: traffic(events, i + 1) }),
  );

/** As returning visitors of a shop send them, each from an address of its own, with all the cookies that they were given. */
function requestsOf(worker: BenchWorker, bodies: string[]): (index: number) => Buffer {
  const now = Math.floor(Date.now() / 1_000);
  const made = bodies.map((body, i) =>
    post(
      worker.url,
      "/v1/batch",
      {
        cookie: [
          "_dfid=8a6e0804-2bd0-4672-b79d-d97027f9071a",
          "_ga=GA1.1.1.1700000000",
          `_ga_BENCH01=GS2.1.s${now}$o3$g1$t${now + 600}$j60$l0$h0`,
          "_fbp=fb.1.1700000000000.1",
        ].join("; "),
        origin: "https://shop.example.com",
        "cf-connecting-ip": `198.51.${i >> 8}.${i & 255}`,
        "user-agent":
          "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0",
        "accept-language": "en-GB,en;q=0.9",
        "sec-ch-ua-platform": '"Windows"',
        "sec-gpc": "1",
      },
      body,
    ),
  );
  return (i) => made[i % made.length]!;
}

/** An environment as a shop would have it, with every protection of the door on: three integrations, two of which want cookies. */
async function publishBenchEnvironment(worker: BenchWorker): Promise<void> {
  const document: Environment = {
    id: "env_bench",
    organisation_id: "org_bench",
    name: "prod",
    version: 1,
    published_at: new Date().toISOString(),
    shard_map: firstShardMap(),
    session_timeout_s: 1_800,
    new_session_on_campaign: false,
    consent_default: "granted",
    profile_shard_map: firstProfileShardMap(),
    profiles: profileSettings.parse({}),
    sources: [
      source.parse({
        id: "src_bench",
        name: "Shop",
        cookie_scope: "site",
        allowed_origins: ["https://www.example.com", "https://*.example.com"],
        allowed_ips: ["203.0.113.0/24"],
        ip_policy: "truncated",
        honour_dnt: true,
        drop_bots: ["headless", "monitor"],
      }),
    ],
    integrations: ["ga4", "meta", "webhook"].map((destination) => ({
      id: `int_${destination}`,
      name: destination,
      destination,
      enabled: true,
      settings: destination === "ga4" ? { measurement_id: "G-BENCH01" } : {},
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
