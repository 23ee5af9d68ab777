/** Reads the rows of a lake file, also of one whose bytes may be anything. */

import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { gunzipSync } from "node:zlib";
import { parquetMetadata, parquetReadObjects } from "hyparquet";

export type Row = Record<string, unknown> & {
  source_id: string;
  message_id: string;
  event_json: string;
  receipt_json: string;
  receipt_hash: string;
};

export async function readRows(bytes: Uint8Array): Promise<Row[]> {
  const file = bytes.slice().buffer;
  const metadata = parquetMetadata(file);
  const compressors = { GZIP: (data: Uint8Array) => gunzipSync(data) };
  return (await parquetReadObjects({ file, metadata, compressors })) as Row[];
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
