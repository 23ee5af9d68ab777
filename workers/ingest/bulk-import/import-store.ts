/**
 * An import as it lies in R2, under `imports/{environment_id}/{import_id}/`: what was asked for, how far it is, the file, the rejected rows.
 * These documents are the truth and the Workflow only drives: it may be repeated, or replaced by another one, at any step.
 */
import * as z from "zod";
import { EVENT_TYPES } from "../../../core/event.ts";
import { mapping } from "./column-mapping.ts";
import { FORMATS } from "./find-rows.ts";

export interface ImportIds {
  environment_id: string;
  import_id: string;
}

/** What was asked for. Written once, after the whole file lay in R2. */
export const importOrder = z.object({
  import_id: z.string(),
  environment_id: z.string(),
  source_id: z.string(),
  format: z.enum(FORMATS),
  delimiter: z.string().length(1),
  type: z.enum(EVENT_TYPES),
  event: z.string().optional(),
  mapping: mapping.optional(),
  dry_run: z.boolean(),
  created_at: z.iso.datetime(),
  /** R2 key of the file as it came. */
  upload: z.string(),
  upload_bytes: z.int(),
  is_gzip: z.boolean(),
});
export type ImportOrder = z.infer<typeof importOrder>;

export const importState = z.object({
  status: z.enum(["queued", "running", "cancelled", "failed", "complete"]),
  /** 1 at first. Each run is one Workflow instance, named `{import_id}-{run}`; only the newest may go on. */
  run: z.int(),
  /** What is read: the upload, or what was in it. */
  file: z.object({ key: z.string(), bytes: z.int() }).nullable(),
  /** Where the next slice begins (rows-of-window.ts). */
  cursor: z.object({ offset: z.int(), row: z.int(), line: z.int(), skipping: z.number().nullable() }),
  /** Of a CSV file: its first row. */
  columns: z.array(z.string()).nullable(),
  /** Number of slices done, and name of the next one's rejected rows. */
  slice: z.int(),
  accepted: z.int(),
  rejected: z.int(),
  /** Rejected rows by code. */
  reasons: z.record(z.string(), z.int()),
  started_at: z.iso.datetime().nullable(),
  finished_at: z.iso.datetime().nullable(),
  /** `resumable`: the fault was ours. */
  failure: z.object({ code: z.string(), message: z.string(), resumable: z.boolean() }).nullable(),
});
export type ImportState = z.infer<typeof importState>;

export const isOpen = ({ status }: ImportState) => status === "queued" || status === "running";
/** Nothing can go on from here. */
export const isOver = ({ status, failure }: ImportState) =>
  status === "complete" || (failure !== null && !failure.resumable);

export const FIRST_STATE: ImportState = {
  status: "queued",
  run: 1,
  file: null,
  cursor: { offset: 0, row: 1, line: 1, skipping: null },
  columns: null,
  slice: 0,
  accepted: 0,
  rejected: 0,
  reasons: {},
  started_at: null,
  finished_at: null,
  failure: null,
};

/** A file that cannot be read at all. Told in the import's status; nothing makes it better but another file. */
export class UnreadableFile extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const PAD = 6;
/** Until the year 2286 the milliseconds have thirteen digits. */
const LAST_MS = 9_999_999_999_999;

export const importKey = {
  folder: ({ environment_id, import_id }: ImportIds) => `imports/${environment_id}/${import_id}/`,
  order: (ids: ImportIds) => `${importKey.folder(ids)}order.json`,
  state: (ids: ImportIds) => `${importKey.folder(ids)}state.json`,
  /** Is there while somebody wants the import to stop. */
  cancel: (ids: ImportIds) => `${importKey.folder(ids)}cancel`,
  /** With a name of its own: of two uploads under one Idempotency-Key the second must not touch the first. */
  upload: (ids: ImportIds) => `${importKey.folder(ids)}upload-${crypto.randomUUID()}`,
  inflated: (ids: ImportIds) => `${importKey.folder(ids)}inflated`,
  rejectedRows: (ids: ImportIds) => `${importKey.folder(ids)}rejected/`,
  rejectedSlice: (ids: ImportIds, slice: number) => `${importKey.rejectedRows(ids)}${String(slice).padStart(PAD, "0")}`,
  /** R2 lists by name: the newest import comes first. Empty objects; the id ends the name. */
  recent: (environment_id: string) => `imports/${environment_id}/recent/`,
  recentEntry: (ids: ImportIds, created_at: string) =>
    `${importKey.recent(ids.environment_id)}${LAST_MS - Date.parse(created_at)}-${ids.import_id}`,
};

export async function readOrder(bucket: R2Bucket, ids: ImportIds): Promise<ImportOrder | null> {
  const stored = await bucket.get(importKey.order(ids));
  return stored && importOrder.parse(await stored.json());
}

/** With its etag, so that it is replaced only by whoever read its newest form. */
export async function readState(
  bucket: R2Bucket,
  ids: ImportIds,
): Promise<{ state: ImportState; etag: string; written_at: Date } | null> {
  const stored = await bucket.get(importKey.state(ids));
  return stored && { state: importState.parse(await stored.json()), etag: stored.etag, written_at: stored.uploaded };
}

/** Whether it was written: not where somebody else wrote since `etag` was read. Without an etag: not where there is one already. */
export async function writeState(
  bucket: R2Bucket,
  ids: ImportIds,
  state: ImportState,
  etag: string | null,
): Promise<boolean> {
  const onlyIf = etag === null ? { etagDoesNotMatch: "*" } : { etagMatches: etag };
  return (await bucket.put(importKey.state(ids), JSON.stringify(state), { onlyIf })) !== null;
}

export const wantsToStop = async (bucket: R2Bucket, ids: ImportIds) =>
  (await bucket.head(importKey.cancel(ids))) !== null;

/** What is left of an import's file once it is no longer needed: nothing. It is full of people's data. */
export async function deleteFile(bucket: R2Bucket, order: ImportOrder): Promise<void> {
  await bucket.delete([order.upload, importKey.inflated(order)]);
}
