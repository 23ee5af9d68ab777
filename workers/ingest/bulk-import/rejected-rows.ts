/** The rows that an import rejected, with reasons: one R2 object for each slice that has any, joined when they are downloaded. */
import type { Format } from "./find-rows.ts";
import { type ImportIds, importKey } from "./import-store.ts";

export interface RejectedRow {
  row: number;
  line: number;
  code: string;
  message: string;
  /** As it stands in the file; letters that are no UTF-8 as replacement characters, and no more than the first 32 KB. */
  text: string;
}

export const SHOWN_BYTES = 32 * 1024;
const CSV_HEADING = "row,line,code,message,text\r\n";

/** Lines in the format of the file: CSV for CSV, else NDJSON. */
export function writeRejected(rows: RejectedRow[], format: Format): string {
  if (format !== "csv") return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  return rows
    .map(({ row, line, code, message, text }) => `${row},${line},${code},${quoted(message)},${quoted(text)}\r\n`)
    .join("");
}

const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;

/** All of them in their order, read one object at a time as the reader takes them. */
export function rejectedRows(bucket: R2Bucket, ids: ImportIds, format: Format): ReadableStream<Uint8Array> {
  const all = parts(bucket, ids, format);
  return new ReadableStream({
    async pull(controller) {
      const { value, done } = await all.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  });
}

async function* parts(bucket: R2Bucket, ids: ImportIds, format: Format): AsyncGenerator<Uint8Array> {
  if (format === "csv") yield new TextEncoder().encode(CSV_HEADING);
  let cursor: string | undefined;
  do {
    const listed = await bucket.list({ prefix: importKey.rejectedRows(ids), ...(cursor && { cursor }) });
    for (const { key } of listed.objects) {
      const part = await bucket.get(key);
      if (part) yield new Uint8Array(await part.arrayBuffer());
    }
    cursor = listed.truncated ? listed.cursor : undefined;
  } while (cursor);
}
