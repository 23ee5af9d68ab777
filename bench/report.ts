/** Results as a person reads them. Every number in the README's table is one of these. */
import type { benchAnalytics } from "./analytics.ts";
import type { benchBulkImport } from "./bulk-import.ts";
import type { benchDelivery, benchOutage } from "./delivery.ts";
import type { benchIngest } from "./ingest.ts";
import type { benchLayer1 } from "./layer1.ts";
import type { benchLayer2 } from "./layer2.ts";
import type { benchMapping } from "./mapping.ts";
import type { benchPipeline } from "./pipeline.ts";
import type { benchProfiles } from "./profiles.ts";
import type { benchShard } from "./shard.ts";

type Ingest = Awaited<ReturnType<typeof benchIngest>>;
type Pipeline = Awaited<ReturnType<typeof benchPipeline>>;
type BulkImport = Awaited<ReturnType<typeof benchBulkImport>>;
type Profiles = Awaited<ReturnType<typeof benchProfiles>>;
type Layer1 = Awaited<ReturnType<typeof benchLayer1>>;
type Layer2 = Awaited<ReturnType<typeof benchLayer2>>;
type Shard = Awaited<ReturnType<typeof benchShard>>;
type Mapping = Awaited<ReturnType<typeof benchMapping>>;

type Delivery = Awaited<ReturnType<typeof benchDelivery>>;
type Analytics = Awaited<ReturnType<typeof benchAnalytics>>;
type Outage = Awaited<ReturnType<typeof benchOutage>>;

const REPORTS = {
  ingest: ingestReport,
  pipeline: pipelineReport,
  shard: shardReport,
  "bulk-import": bulkImportReport,
  profiles: profilesReport,
  mapping: mappingReport,
  delivery: deliveryReport,
  outage: outageReport,
  layer1: layer1Report,
  layer2: layer2Report,
  analytics: analyticsReport,
};

/** `result`: what the benchmark of that name answered. */
export function report(result: { benchmark: string; machine: Ingest["machine"] }): string {
  const { cpu, cores, workerd, node } = result.machine;
  const where = `${cpu}, ${cores} cores, workerd ${workerd}, node ${node}`;
  return REPORTS[result.benchmark as keyof typeof REPORTS](result as never, where);
}

function ingestReport({ results, rounds, reference, steady }: Ingest, where: string): string {
  const rows = results.map(
    ({ events_a_request, cpu_us_per_request: cpu, cpu_ratio, requests_per_second: rps, p99_ms }) => [
      `${events_a_request}`,
      `${cpu.bare.median} µs`,
      `${cpu.ingest.median} µs`,
      `${cpu_ratio.median}× (${cpu_ratio.min}–${cpu_ratio.max})`,
      `${rps.bare.median}`,
      `${rps.ingest.median}`,
      `${p99_ms.ingest.median} ms`,
    ],
  );
  const head = [
    "events a request",
    "CPU bare",
    "CPU ingest",
    "ratio",
    "requests/s bare",
    "requests/s ingest",
    "p99 ingest",
  ];
  return [
    `ingest against a ${reference}\n${where}; medians of ${rounds} rounds in turn`,
    "",
    table([head, ...rows]),
    "",
    `steadily ${steady.requests_per_second} requests/s, half of the most, for ${steady.seconds} s:`,
    ...(["bare", "ingest"] as const).map((name) => {
      const { p50, p95, p99 } = steady[name];
      return `  ${name.padEnd(6)} p50 ${p50} ms, p95 ${p95} ms, p99 ${p99} ms`;
    }),
  ].join("\n");
}

function pipelineReport(result: Pipeline, where: string): string {
  const operations = Object.entries(result.operations_per_million_events).map(([name, count]) => [
    name.replaceAll("_", " "),
    count.toLocaleString("en"),
    `$${result.dollars_by_operation[name]!.toFixed(4)}`,
  ]);
  return [
    `pipeline: ${result.events} events, ${result.events_a_request} a request, from HTTP to three vendors' answers\n${where}`,
    "",
    `${result.events_per_second} events/s, ${result.cpu_us_per_event} µs CPU and ${result.rows_written_per_event} rows written an event`,
    ...result.integrations.map(
      ({ name, delivered, dead_lettered }) => `${name}: ${delivered} delivered, ${dead_lettered} dead-lettered`,
    ),
    "",
    table([
      ["billed for a million events", "count", "list price"],
      ...operations,
      ["all", "", `$${result.dollars_per_million_events.toFixed(3)}`],
    ]),
    "",
    result.note,
  ].join("\n");
}

function shardReport(result: Shard, where: string): string {
  const row = (name: string, { mean, p50, p95 }: Shard["empty_ms"]) => [name, `${mean} ms`, `${p50} ms`, `${p95} ms`];
  return [
    `shard: calls of ${result.events_a_call} events, ${result.calls} of each kind, to one that knows ${result.visitors} visitors and ${result.ids} ids\n${where}`,
    "",
    table([
      ["call", "mean", "p50", "p95"],
      row("empty", result.empty_ms),
      row("the same bytes stored, nothing decided", result.kept_ms),
      ...result.calls_ms.map(({ visitors, ...times }) => row(`visitors ${visitors}`, times)),
      row("events of the last 25 hours, again", result.old_duplicates_ms),
      row("start after an eviction", result.rebuild_ms),
    ]),
    "",
    `${result.rows_written_per_event} rows written an event; an id takes ${result.bytes_per_id} bytes of memory, and ${result.storage_bytes_per_id} of storage with what was decided of it`,
  ].join("\n");
}

function layer1Report(result: Layer1, where: string): string {
  const row = (name: string, us: number) => [name, `${us.toFixed(2)} µs`];
  return [
    `layer 1 before the shard: batches of ${result.batch} events of ${result.bytes_per_event} bytes, medians of ${result.rounds} rounds\n${where}`,
    "",
    table([
      ["step, every section at work", "an event"],
      ...result.steps.map(({ name, us_per_event }) => row(name, us_per_event)),
      row("all of them, with records", result.full_us_per_event),
      row("all of them, an empty document", result.usual_us_per_event),
    ]),
  ].join("\n");
}

function bulkImportReport({ results }: BulkImport, where: string): string {
  const rows = results.map((one) => [
    one.name,
    one.failure ?? one.status,
    one.rows.read.toLocaleString("en"),
    one.rows_per_second.toLocaleString("en"),
    one.cpu_us_per_row === undefined ? "" : `${one.cpu_us_per_row} µs`,
    `${one.seconds} s`,
    `${one.memory_mb.most} MB`,
  ]);
  const head = ["file", "outcome", "rows", "rows/s", "CPU a row", "took", "process memory"];
  return `bulk import, simulated queue and storage in the same process\n${where}\n\n${table([head, ...rows])}`;
}

function profilesReport(result: Profiles, where: string): string {
  const row = (name: string, { mean, p50, p95 }: Profiles["read_ms"]) => [name, `${mean} ms`, `${p50} ms`, `${p95} ms`];
  const { events, identified_share } = result.mix;
  return [
    `profiles: ${result.people.toLocaleString("en")} people over 8 shards, made by apply, ${result.people_per_second} a second\n${where}`,
    "",
    table([
      ["over HTTP", "mean", "p50", "p95"],
      row("nothing", result.empty_ms),
      row("a person by user id, person id or anonymous id", result.read_ms),
      row(`a search, which finds ${result.found_per_search}`, result.search_ms),
      row(`events of a batch, ${identified_share * 500} of 500 identified`, result.batch_ms),
    ]),
    "",
    `${result.rows_written_per_event} rows written an event, of ${events.toLocaleString("en")} of which ${identified_share * 100} % are identified; ${result.rows_written_per_new_person} for a new person in bulk`,
    `a person is ${result.records_per_person} records: ${result.index_bytes_per_record} bytes of memory each, ${result.storage_bytes_per_person} bytes of storage in all`,
  ].join("\n");
}

function mappingReport({ destinations, events }: Mapping, where: string): string {
  const rows = destinations.map((one) => [
    one.name,
    ...[one.map_us, one.request_us, one.both_us, one.most_us].map((us) => `${us} µs`),
  ]);
  const head = ["destination", "map", "request", "both", "slowest round"];
  return `from an event to a vendor's request, per event; medians over ${events.toLocaleString("en")} events\n${where}\n\n${table([head, ...rows])}`;
}

function deliveryReport({ offered_per_second, results }: Delivery, where: string): string {
  const rows = results.map((one) => [
    one.vendor,
    one.events.toLocaleString("en"),
    `${one.seconds} s`,
    one.events_per_second.toLocaleString("en"),
    `${one.duplicates}`,
    `${one.p50_ms} ms`,
    `${one.p95_ms} ms`,
    `${one.cpu_us_per_event} µs`,
  ]);
  const head = ["vendor", "events", "took", "events/s", "twice", "p50", "p95", "CPU an event"];
  const what = `delivery: ${offered_per_second} events/s offered, from the queue to the sink's answer, sink and simulated queues on the same machine`;
  return `${what}\n${where}\n\n${table([head, ...rows])}`;
}

function outageReport(result: Outage, where: string): string {
  const { events, delivered, duplicates, dead_lettered, refused_requests, neighbour } = result;
  return [
    `outage: ${result.outage_s} s in which a vendor answers HTTP 500 to everything\n${where}`,
    "",
    `${delivered} of ${events} events delivered, ${duplicates} of them twice, ${dead_lettered} dead-lettered`,
    `all there ${result.all_delivered_s_after_its_end} s after it ended; ${refused_requests} requests were made in vain`,
    `its neighbour: ${neighbour.delivered} delivered, ${neighbour.duplicates} twice, p95 ${neighbour.p95_ms} ms`,
  ].join("\n");
}

function layer2Report({ results, events, rounds, integrations }: Layer2, where: string): string {
  const rows = results.map((one) => [
    one.name,
    `${one.us_per_event} µs`,
    `${one.min}–${one.max}`,
    `${one.more_than_none_us} µs`,
    `${one.queued_per_event}`,
  ]);
  const head = ["pipeline of each integration", "an event", "rounds", "more than none", "payloads"];
  return `layer 2 for ${integrations.join(", ")}: medians of ${rounds} rounds of ${events} events in turn\n${where}\n\n${table([head, ...rows])}`;
}

function analyticsReport(result: Analytics, where: string): string {
  const { sessions, steps, shards, rounds, results, duckdb } = result;
  const rows = results.map((one) => [one.name, `${one.p50_ms} ms`, `${one.p95_ms} ms`, `${one.target_ms} ms`]);
  return [
    `analytics: ${sessions.toLocaleString("en")} sessions with ${steps.toLocaleString("en")} steps in ${shards} shards, one after the other; ${rounds} rounds in turn\n${where}`,
    "",
    table([
      ["question", "p50", "p95", "at most"],
      ...rows,
      ["DuckDB, one thread: the first", `${duckdb.p50_ms} ms`, `${duckdb.p95_ms} ms`, ""],
    ]),
    "",
    `the first takes ${result.times_duckdb} times what DuckDB takes`,
  ].join("\n");
}

function table(rows: string[][]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("   "))
    .join("\n");
}
