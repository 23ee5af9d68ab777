/** `/v1/bulk/import`: files of events. Server keys only. The file is stored as it comes; the Workflow does the rest. */
import { type Context, Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { EVENT_TYPES } from "../../../core/event.ts";
import { sha256 } from "../../../core/hash.ts";
import type { IngestEnv } from "../../env.ts";
import { openTheDoor } from "../collect.ts";
import { isAlive, nextRun, OUR_FAULT, startRun } from "./bulk-import.ts";
import { mapping } from "./column-mapping.ts";
import { FORMATS, type Format } from "./find-rows.ts";
import {
  FIRST_STATE,
  type ImportIds,
  type ImportOrder,
  type ImportState,
  importKey,
  isOpen,
  readOrder,
  readState,
  wantsToStop,
  writeState,
} from "./import-store.ts";
import { rejectedRows } from "./rejected-rows.ts";
import { storeChunks, storeKnown } from "./store-stream.ts";

/** What Cloudflare's smaller plans let through as a request's body; as it comes, compressed or not. */
export const UPLOAD_BYTES = 100 * 1024 * 1024;
const RECENT = 20;
const PATH = "/v1/bulk/import";

type C = Context<{ Bindings: IngestEnv }>;

export const bulkImport = new Hono<{ Bindings: IngestEnv }>();

/** Strict: whoever misspells dry_run must not find out by an import. */
const query = z.strictObject({
  format: z.enum(FORMATS).optional(),
  delimiter: z
    .enum([",", ";", "|", "tab"])
    .default(",")
    .transform((one) => (one === "tab" ? "\t" : one)),
  dry_run: z.stringbool().default(false),
  type: z.enum(EVENT_TYPES).default("track"),
  event: z.string().min(1).max(256).optional(),
  file_name: z.string().max(512).optional(),
  mapping: z
    .string()
    .max(64 * 1024)
    .optional(),
});

bulkImport.post("/", async (c) => {
  const { environment_id, source_id } = await openedBy(c);
  const asked = askedFor(c);
  const key = c.req.header("idempotency-key");
  if (key !== undefined && (key === "" || key.length > 256)) {
    throw new ApiError("invalid_request", "An Idempotency-Key has 1 to 256 letters");
  }
  const import_id =
    key === undefined ? crypto.randomUUID().replaceAll("-", "") : importIdOf(environment_id, source_id, key);
  const ids = { environment_id, import_id };
  // A file that came whole once is not read again; one that did not is.
  const known = key === undefined ? null : await readState(c.env.LAKE, ids);
  if (known) {
    await c.req.raw.body?.cancel();
    // The first request may have ended before this.
    if (isOpen(known.state)) await startRun(c.env, ids, known.state.run);
    return accepted(c, ids);
  }
  const upload = importKey.upload(ids);
  const upload_bytes = await storeUpload(c, upload);
  const order: ImportOrder = {
    ...ids,
    source_id,
    ...asked,
    created_at: new Date().toISOString(),
    upload,
    upload_bytes,
    is_gzip: await isGzip(c.env.LAKE, upload),
  };
  await begin(c.env, order);
  return accepted(c, ids);
});

bulkImport.get("/", async (c) => {
  const { environment_id } = await openedBy(c);
  const { objects } = await c.env.LAKE.list({ prefix: importKey.recent(environment_id), limit: RECENT });
  const imports = await Promise.all(
    objects.map(({ key }) => describe(c.env, { environment_id, import_id: key.slice(-ID_LENGTH) })),
  );
  return c.json({ imports: imports.filter((one) => one !== null) });
});

bulkImport.get("/:id", async (c) => {
  const described = await describe(c.env, await idsOf(c));
  if (!described) throw unknownImport();
  return c.json(described);
});

bulkImport.get("/:id/rejected", async (c) => {
  const order = await readOrder(c.env.LAKE, await idsOf(c));
  if (!order) throw unknownImport();
  const [type, ending] = order.format === "csv" ? ["text/csv", "csv"] : ["application/x-ndjson", "ndjson"];
  return new Response(rejectedRows(c.env.LAKE, order, order.format), {
    headers: {
      "content-type": `${type}; charset=utf-8`,
      "content-disposition": `attachment; filename="rejected-${order.import_id}.${ending}"`,
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    },
  });
});

/** The slice that is being read is finished first, so that what was imported and what not is known to the row. */
bulkImport.post("/:id/cancel", async (c) => {
  const ids = await idsOf(c);
  const { state } = await stateOf(c.env, ids);
  if (state.status === "complete" || state.status === "failed") {
    throw new ApiError("conflict", `The import is ${state.status} already`);
  }
  if (state.status !== "cancelled") await c.env.LAKE.put(importKey.cancel(ids), "");
  return c.json(await describe(c.env, ids), 202);
});

/** Goes on behind the last slice that was finished. */
bulkImport.post("/:id/resume", async (c) => {
  const ids = await idsOf(c);
  const { state } = await stateOf(c.env, ids);
  if (state.status === "complete") throw new ApiError("conflict", "The import is complete");
  if (state.failure && !state.failure.resumable) {
    throw new ApiError("conflict", `The file cannot be read (${state.failure.code}): send another one`);
  }
  if (isOpen(state) && (await isAlive(c.env, ids.import_id, state.run))) {
    const message = (await wantsToStop(c.env.LAKE, ids))
      ? "The import is still being cancelled; try again in a moment"
      : "The import is not stopped";
    throw new ApiError("conflict", message);
  }
  await c.env.LAKE.delete(importKey.cancel(ids));
  await nextRun(c.env, ids, state.run, { status: "queued", finished_at: null, failure: null });
  return c.json(await describe(c.env, ids), 202);
});

/** Throws what `openTheDoor` throws, and `server_key_needed` for a public key: anybody may have read that in a page. */
async function openedBy(c: C): Promise<{ environment_id: string; source_id: string }> {
  const { key } = await openTheDoor(c.req.raw, {}, undefined, c.env, Date.now());
  if (key.kind === "server") return key;
  throw new ApiError("server_key_needed", "Imports need a server key; this one is public");
}

const ID_LENGTH = 32;
const unknownImport = () => new ApiError("not_found", "There is no such import");

async function idsOf(c: C): Promise<ImportIds> {
  const { environment_id } = await openedBy(c);
  const import_id = c.req.param("id") ?? "";
  if (!/^[0-9a-f]{32}$/.test(import_id)) throw unknownImport();
  return { environment_id, import_id };
}

async function stateOf(env: IngestEnv, ids: ImportIds): Promise<{ state: ImportState }> {
  const stored = await readState(env.LAKE, ids);
  if (!stored) throw unknownImport();
  return stored;
}

const importIdOf = (environment_id: string, source_id: string, key: string) =>
  sha256(JSON.stringify([environment_id, source_id, key])).slice(0, ID_LENGTH);

type Asked = Pick<ImportOrder, "format" | "delimiter" | "type" | "event" | "mapping" | "dry_run">;

function askedFor(c: C): Asked {
  const given = query.safeParse(c.req.query());
  if (!given.success) throw invalid(given.error);
  const { format, file_name, mapping: inQuery, ...asked } = given.data;
  const found = format ?? formatOf(c.req.header("content-type"), file_name);
  if (!found) throw new ApiError("invalid_request", "Say what the file is: format=csv, ndjson or json");
  const text = inQuery ?? c.req.header("x-mapping");
  return { ...asked, format: found, ...(text !== undefined && { mapping: mappingOf(text) }) };
}

function mappingOf(text: string) {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ApiError("invalid_json", "The mapping is not JSON");
  }
  const given = mapping.safeParse(value);
  if (!given.success) throw invalid(given.error, "mapping.");
  return given.data;
}

function invalid(error: z.ZodError, prefix = ""): ApiError {
  const issue = error.issues[0]!;
  return new ApiError("invalid_request", `${prefix}${issue.path.join(".")}: ${issue.message}`);
}

const TYPES = new Map<string, Format>([
  ["text/csv", "csv"],
  ["application/x-ndjson", "ndjson"],
  ["application/ndjson", "ndjson"],
  ["application/jsonl", "ndjson"],
  ["application/json", "json"],
]);
const ENDINGS: Record<string, Format> = { csv: "csv", ndjson: "ndjson", jsonl: "ndjson", json: "json" };

function formatOf(type: string | undefined, fileName: string | undefined): Format | undefined {
  const ending = fileName?.toLowerCase().match(/\.(csv|ndjson|jsonl|json)(\.gz)?$/)?.[1];
  return ending ? ENDINGS[ending] : TYPES.get((type ?? "").split(";")[0]!.trim().toLowerCase());
}

/** Resolves to how long the file is. Throws `request_too_large`, `invalid_request` or `overloaded`, and leaves nothing then. */
async function storeUpload(c: C, key: string): Promise<number> {
  const { body } = c.req.raw;
  const tooLarge = () =>
    new ApiError("request_too_large", `A file may have ${UPLOAD_BYTES / 1024 / 1024} MB; compress or split it`);
  const empty = () => new ApiError("invalid_request", "Send the file as the request's body");
  const declared = c.req.header("content-length");
  if (Number(declared) > UPLOAD_BYTES) {
    await body?.cancel();
    throw tooLarge();
  }
  if (!body || declared === "0") throw empty();
  let bytes: number;
  try {
    if (declared === undefined) bytes = await storeChunks(c.env.LAKE, key, body, { most: UPLOAD_BYTES, tooLarge });
    else {
      bytes = Number(declared);
      await storeKnown(c.env.LAKE, key, body, bytes);
    }
  } catch (error) {
    if (error instanceof ApiError) throw error;
    console.error(JSON.stringify({ level: "error", at: "bulk_import.upload", message: String(error) }));
    throw new ApiError("overloaded", "The file did not arrive whole and nothing of it was kept; send it again", {
      headers: { "retry-after": "5" },
    });
  }
  if (bytes > 0) return bytes;
  await c.env.LAKE.delete(key);
  throw empty();
}

/** Two bytes that begin every gzip file and no text: https://www.rfc-editor.org/rfc/rfc1952#page-6 */
async function isGzip(bucket: R2Bucket, key: string): Promise<boolean> {
  const start = await bucket.get(key, { range: { offset: 0, length: 2 } });
  const [first, second] = new Uint8Array((await start?.arrayBuffer()) ?? []);
  return first === 0x1f && second === 0x8b;
}

/** Of two requests with one Idempotency-Key that come at once, the second finds the first one's state, and its file goes. */
async function begin(env: IngestEnv, asked: ImportOrder): Promise<void> {
  const onlyIf = { etagDoesNotMatch: "*" };
  const isFirst = await env.LAKE.put(importKey.order(asked), JSON.stringify(asked), { onlyIf });
  if (!isFirst) await env.LAKE.delete(asked.upload);
  const order = isFirst ? asked : await readOrder(env.LAKE, asked);
  // The first request may have ended anywhere below, all of which may be done twice.
  if (!order) throw new ApiError("conflict", "Another import with this Idempotency-Key was there and is gone");
  await env.LAKE.put(importKey.recentEntry(order, order.created_at), "");
  await writeState(env.LAKE, order, FIRST_STATE, null);
  try {
    await startRun(env, order, FIRST_STATE.run);
  } catch (error) {
    console.error(JSON.stringify({ level: "error", at: "bulk_import.begin", message: String(error) }));
    throw new ApiError("overloaded", "The file is stored and its import did not begin; resume it", {
      details: { import_id: order.import_id },
      headers: { "retry-after": "5" },
    });
  }
}

function accepted(c: C, { import_id }: ImportIds): Response {
  return c.json({ import_id, status_url: new URL(`${PATH}/${import_id}`, c.req.url).href }, 202);
}

/** An import as its owner sees it; null where there is none. */
async function describe(env: IngestEnv, ids: ImportIds) {
  const [order, stored, isStopping] = await Promise.all([
    readOrder(env.LAKE, ids),
    readState(env.LAKE, ids),
    wantsToStop(env.LAKE, ids),
  ]);
  if (!order || !stored) return null;
  const isDead = isOpen(stored.state) && (await hasDied(env, ids, stored));
  const state: ImportState = isDead ? { ...stored.state, status: "failed", failure: OUR_FAULT } : stored.state;
  return {
    import_id: order.import_id,
    status: isOpen(state) && isStopping ? ("cancelling" as const) : state.status,
    dry_run: order.dry_run,
    format: order.format,
    rows: { read: state.accepted + state.rejected, accepted: state.accepted, rejected: state.rejected },
    reasons: state.reasons,
    /** Of a gzip file: of what is in it, once that is known. */
    bytes: { done: state.cursor.offset, total: state.file?.bytes ?? order.upload_bytes },
    created_at: order.created_at,
    started_at: state.started_at,
    finished_at: state.finished_at,
    failure: state.failure && { code: state.failure.code, message: state.failure.message },
  };
}

/** A slice takes seconds, and an instance that waits to try one again is alive. */
const SILENCE_MS = 10 * 60_000;

/** Whether the platform lost an import's instance, so that nothing will happen unless somebody resumes it. */
async function hasDied(
  env: IngestEnv,
  { import_id }: ImportIds,
  { state, written_at }: { state: ImportState; written_at: Date },
): Promise<boolean> {
  return Date.now() - written_at.getTime() > SILENCE_MS && !(await isAlive(env, import_id, state.run));
}
