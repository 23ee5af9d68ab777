/** One slice of an import: some rows read, checked and queued, what was rejected written down, and the place to go on from stored. */
import type { Source } from "../../../core/environment.ts";
import { readEnvironment } from "../../config.ts";
import type { IngestEnv } from "../../env.ts";
import { type AcceptedEvent, acceptEvents } from "../accept-events.ts";
import { dailySalts } from "../cookieless.ts";
import { enqueue } from "../enqueue.ts";
import { type Mapped, mapperOf, type RawEvent } from "./column-mapping.ts";
import {
  deleteFile,
  type ImportIds,
  type ImportOrder,
  type ImportState,
  importKey,
  isOpen,
  isOver,
  readOrder,
  readState,
  UnreadableFile,
  wantsToStop,
  writeState,
} from "./import-store.ts";
import { inflate } from "./inflate.ts";
import { type Reading, readCsv, readHeading, readJson } from "./read-values.ts";
import { type RejectedRow, SHOWN_BYTES, writeRejected } from "./rejected-rows.ts";
import { END_OF_FILE, type FoundRow, rowsOfWindow } from "./rows-of-window.ts";

/** What a step may take and still be repeated cheaply; far below a step's CPU time, and each fits the memory many times over. */
const SLICE_ROWS = 5_000;
const WINDOW_BYTES = 2 * 1024 * 1024;
/** Rows that become queue messages together. */
const GROUP_ROWS = 500;
/** Bytes of events that wait to be queued together: some twenty messages, each of which has two seconds. */
const GROUP_BYTES = 1024 * 1024;
/** A file may have so many rows. Those of a few bytes each would otherwise take a day of steps. */
const MOST_ROWS = 10_000_000;

export type Advance = ImportState["status"] | "superseded";

/**
 * Does the next piece of an import and resolves to where it stands then; `superseded`: another run has taken over. May be repeated at
 * any time. What is stored decides what is next; a piece that was queued and not written down is queued again under the same
 * message_ids, which the shards drop. Throws where R2 or the queue fail.
 */
export async function advance(env: IngestEnv, ids: ImportIds, run: number): Promise<Advance> {
  const stored = await readState(env.LAKE, ids);
  if (!stored || stored.state.run !== run) return "superseded";
  const order = await readOrder(env.LAKE, ids);
  if (!order) return "superseded";
  let { state } = stored;
  if (isOpen(state)) {
    state = await nextState(env, order, state);
    if (!(await writeState(env.LAKE, ids, state, stored.etag))) return "superseded";
  }
  if (isOver(state)) await deleteFile(env.LAKE, order);
  return state.status;
}

async function nextState(env: IngestEnv, order: ImportOrder, state: ImportState): Promise<ImportState> {
  const now = new Date().toISOString();
  if (await wantsToStop(env.LAKE, order)) return { ...state, status: "cancelled", finished_at: now };
  const begun: ImportState = { ...state, status: "running", started_at: state.started_at ?? now };
  try {
    return begun.file ? await slice(env, order, begun) : { ...begun, file: await plainFile(env.LAKE, order) };
  } catch (error) {
    if (!(error instanceof UnreadableFile)) throw error;
    const failure = { code: error.code, message: error.message, resumable: false };
    return { ...begun, status: "failed", finished_at: now, failure };
  }
}

async function plainFile(bucket: R2Bucket, order: ImportOrder): Promise<{ key: string; bytes: number }> {
  if (!order.is_gzip) return { key: order.upload, bytes: order.upload_bytes };
  const key = importKey.inflated(order);
  return { key, bytes: await inflate(bucket, order.upload, key) };
}

async function slice(env: IngestEnv, order: ImportOrder, state: ImportState): Promise<ImportState> {
  const file = state.file!;
  const bytes = await windowOf(env.LAKE, file, state.cursor.offset);
  const isEnd = state.cursor.offset + bytes.byteLength === file.bytes;
  const { found, cursor } = rowsOfWindow(order, state.cursor, bytes, { isEnd, most: SLICE_ROWS });
  if (cursor.row > MOST_ROWS) {
    throw new UnreadableFile(
      "too_many_rows",
      `A file may have ${MOST_ROWS} rows; of this one, those before row ${state.cursor.row} were imported`,
    );
  }
  const isDone = cursor.offset === END_OF_FILE;
  let { columns } = state;
  if (order.format === "csv" && !columns && (found.length || isDone)) {
    columns = columnsOf(order, found.shift());
    // It has no number: the first row behind it is row 1.
    for (const one of found) one.row--;
    cursor.row--;
  }
  const map = mapperOf(order.mapping, order);
  const policy = await policyOf(env, order);
  const rejected: RejectedRow[] = [];
  let accepted = 0;
  for (let at = 0; at < found.length; at += GROUP_ROWS) {
    const group = found.slice(at, at + GROUP_ROWS);
    const readings = columns ? readCsv(group, columns, order.delimiter) : group.map(readJson);
    const checked = check(order, group, readings, map, policy);
    rejected.push(...checked.rejected);
    accepted += checked.accepted.length;
    if (!order.dry_run) await queueAll(env, order, checked.accepted);
  }
  // Always under this name: whoever repeats the slice overwrites what was written.
  if (rejected.length) {
    await env.LAKE.put(importKey.rejectedSlice(order, state.slice), writeRejected(rejected, order.format));
  }
  const reasons = { ...state.reasons };
  for (const { code } of rejected) reasons[code] = (reasons[code] ?? 0) + 1;
  return {
    ...state,
    cursor: isDone ? { ...cursor, offset: file.bytes } : cursor,
    columns,
    slice: state.slice + 1,
    accepted: state.accepted + accepted,
    rejected: state.rejected + rejected.length,
    reasons,
    ...(isDone && { status: "complete" as const, finished_at: new Date().toISOString() }),
  };
}

async function windowOf(bucket: R2Bucket, { key, bytes }: { key: string; bytes: number }, offset: number) {
  const length = Math.min(WINDOW_BYTES, bytes - offset);
  const part = length > 0 && (await bucket.get(key, { range: { offset, length } }));
  if (part === null) throw new UnreadableFile("file_is_gone", "The uploaded file is no longer there");
  return part ? new Uint8Array(await part.arrayBuffer()) : new Uint8Array();
}

function columnsOf(order: ImportOrder, heading: FoundRow | undefined): string[] {
  if (!heading) throw new UnreadableFile("no_columns", "The file has no first row, which would name its columns");
  const columns = readHeading(heading, order.delimiter);
  if (!Array.isArray(columns))
    throw new UnreadableFile(columns.code, `The first row, line ${heading.line}: ${columns.message}`);
  const missing = Object.keys(order.mapping ?? {}).find((column) => !columns.includes(column));
  if (missing === undefined) return columns;
  throw new UnreadableFile(
    "unknown_column",
    `The mapping names ${missing.slice(0, 100)}, which is no column of the file`,
  );
}

type Policy = Pick<Parameters<typeof acceptEvents>[1], "ip_policy" | "salt">;

/** What the source's rules leave of addresses. They hold for old events as for new ones. */
async function policyOf(env: IngestEnv, { environment_id, source_id }: ImportOrder): Promise<Policy> {
  const environment = await readEnvironment(env.CONFIG, environment_id);
  const source: Source | undefined = environment?.sources.find((one) => one.id === source_id);
  if (!source) throw new UnreadableFile("source_is_gone", "The source that the file was sent for no longer exists");
  if (source.ip_policy !== "last_octet_hashed") return { ip_policy: source.ip_policy, salt: undefined };
  const salts = await dailySalts(env.DAILY_SALTS, environment_id, Date.now());
  return { ip_policy: source.ip_policy, salt: salts.get(Math.max(...salts.keys())) };
}

/** Rows as events, by the same rules as those of a request. */
function check(
  order: ImportOrder,
  group: FoundRow[],
  readings: Reading[],
  map: ReturnType<typeof mapperOf>,
  policy: Policy,
): { accepted: AcceptedEvent[]; rejected: RejectedRow[] } {
  const rejected: RejectedRow[] = [];
  const batch: RawEvent[] = [];
  const rows: FoundRow[] = [];
  readings.forEach((reading, i) => {
    const one = group[i]!;
    const mapped: Mapped = reading.ok ? map(reading.values) : reading;
    if (!mapped.ok) {
      rejected.push(rejectedRow(one, mapped));
      return;
    }
    // The same each time the row is read, so that whoever reads it twice imports it once.
    mapped.event.message_id ??= mapped.event.messageId ?? `imp_${order.import_id}_${one.row}`;
    batch.push(mapped.event);
    rows.push(one);
  });
  const checked = acceptEvents(
    { batch },
    { now: Date.now(), type: undefined, visitor: undefined, consent: undefined, ...policy },
  );
  for (const one of checked.rejected) rejected.push(rejectedRow(rows[one.index]!, one));
  rejected.sort((a, b) => a.row - b.row);
  return { accepted: checked.accepted, rejected };
}

const decoder = new TextDecoder();

function rejectedRow(
  { row, line, bytes }: FoundRow,
  { code, message }: { code: string; message: string },
): RejectedRow {
  return { row, line, code, message, text: decoder.decode(bytes.subarray(0, SHOWN_BYTES)) };
}

/** Some twenty queue messages at a time. Resolves when all of them are durable. */
async function queueAll(env: IngestEnv, order: ImportOrder, events: AcceptedEvent[]): Promise<void> {
  const door = {
    v: 1 as const,
    environment_id: order.environment_id,
    source_id: order.source_id,
    received_at: new Date().toISOString(),
    request: {},
    vendor_ids: {},
  };
  let waiting: AcceptedEvent[] = [];
  let bytes = 0;
  for (const event of events) {
    waiting.push(event);
    bytes += event.bytes;
    if (bytes < GROUP_BYTES) continue;
    await enqueue(env, waiting, door);
    waiting = [];
    bytes = 0;
  }
  if (waiting.length) await enqueue(env, waiting, door);
}
