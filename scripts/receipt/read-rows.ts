/** Reads the rows of a lake file, also of one whose bytes may be anything. */

import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { gunzipSync } from "node:zlib";
import { parquetMetadata, parquetReadObjects } from "hyparquet";
import * as z from "zod";
import { lakePart } from "../../durable-objects/lake-manifest.ts";
import { PARTS_KEY } from "../../durable-objects/lake-object-writer.ts";

export type Row = Record<string, unknown> & {
  source_id: string;
  message_id: string;
  event_json: string;
  receipt_json: string;
  receipt_hash: string;
};

export async function readRows(bytes: Uint8Array): Promise<Row[]> {
  const file = new Uint8Array(bytes).buffer;
  const metadata = parquetMetadata(file);
  const compressors = { GZIP: (data: Uint8Array) => gunzipSync(data) };
  return (await parquetReadObjects({ file, metadata, compressors })) as Row[];
}

/** The receipts that were erased from a file, by their places in it; undefined where its bytes are those that a shard wrote. */
export function erasedFrom(bytes: Uint8Array): [index: number, receiptHash: string][] | undefined {
  const { key_value_metadata } = parquetMetadata(new Uint8Array(bytes).buffer);
  const told = key_value_metadata?.find(({ key }) => key === PARTS_KEY)?.value;
  if (told === undefined) return undefined;
  const parts = z.array(lakePart).parse(JSON.parse(told));
  if (parts.length !== 1) throw new Error("it holds the rows of several files: fetch them one by one");
  return parts[0]!.erased ?? [];
}

/**
 * The same in a thread of its own: a changed byte can be a count, and hyparquet then counts to two billion. Throws what reading throws, or
 * that it took longer than `limitMs` or more memory than a lake file can need.
 */
export function readDamagedRows(bytes: Uint8Array, limitMs = 5_000): Promise<Row[]> {
  const worker = new Worker(fileURLToPath(import.meta.url), {
    workerData: { damaged: bytes },
    resourceLimits: { maxOldGenerationSizeMb: 1_024 },
  });
  return new Promise<Row[]>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`reading took longer than ${limitMs / 1000} s`)), limitMs);
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", () => {
      clearTimeout(late);
      reject(new Error("reading ended early"));
    });
  }).finally(() => worker.terminate());
}

if (!isMainThread && workerData?.damaged) parentPort!.postMessage(await readRows(workerData.damaged));
