/**
 * Writes an object of the lake from files that are there: their row groups are copied as they lie, compressed, one after another, under a
 * footer of their own. So memory holds one row group and one part of the upload, and nothing is compressed twice. A file with other
 * columns than today's (an older one) is written anew from its events, so that every object has one schema.
 */

import { type FileMetaData, parquetMetadata, parquetReadObjects, type RowGroup } from "hyparquet";
import { ByteWriter } from "hyparquet-writer";
import { writeMetadata } from "hyparquet-writer/src/metadata.js";
import { COLUMNS, lakeFile, type SealedRow } from "./lake-file.ts";
import { COMPRESSORS, type LakePart, type OpenFile, type OpenObject } from "./lake-manifest.ts";

/** R2 wants the parts of an upload to be of one size, but for the last, and at least 5 MiB (https://developers.cloudflare.com/r2/objects/multipart-objects/). */
const UPLOAD_BYTES = 8 * 1024 * 1024;
const MAGIC = new TextEncoder().encode("PAR1");
/** Under which an object tells of what it is made: whoever verifies receipts needs no manifest. */
export const PARTS_KEY = "millrace.parts";

export class LakeObjectWriter {
  readonly parts: LakePart[] = [];
  readonly #sink: ByteSink;
  readonly #groups: RowGroup[] = [];
  #schema: FileMetaData["schema"] | undefined;
  #rows = 0;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  /** What was written so far. */
  get bytes(): number {
    return this.#sink.bytes;
  }

  /** Rows [row, row + part.rows) of an object, which are the part's. Cut within a row group, or of another schema, they are written anew. */
  async copy(opened: OpenObject, row: number, part: LakePart): Promise<void> {
    const groups = hasColumnsOfToday(opened.metadata) ? groupsOf(opened.metadata, row, part.rows) : undefined;
    if (!groups) {
      return this.write(await readSealed(opened, row, part.rows), part);
    }
    await this.#begin(opened.metadata);
    for (const group of groups) {
      const { start, end } = spanOf(group);
      await this.#append(group, start, new Uint8Array(await opened.file.slice(start, end)));
    }
    this.#rows += part.rows;
    this.parts.push(part);
  }

  /** Rows that are given. */
  async write(rows: SealedRow[], part: LakePart): Promise<void> {
    if (rows.length > 0 || !this.#schema) {
      const file = lakeFile(rows);
      const metadata = parquetMetadata(file);
      await this.#begin(metadata);
      for (const group of rows.length > 0 ? metadata.row_groups : []) {
        const { start, end } = spanOf(group);
        await this.#append(group, start, new Uint8Array(file, start, end - start));
      }
    }
    this.#rows += rows.length;
    this.parts.push(part);
  }

  /** Returns the object's size in bytes. */
  async finish(): Promise<number> {
    if (!this.#schema) throw new Error("an object of the lake needs a part");
    const footer = new ByteWriter();
    const metadata = {
      version: 2,
      created_by: "millrace",
      schema: this.#schema,
      num_rows: BigInt(this.#rows),
      row_groups: this.#groups,
      key_value_metadata: [{ key: PARTS_KEY, value: JSON.stringify(this.parts) }],
    };
    writeMetadata(footer, metadata as unknown as FileMetaData, Number.POSITIVE_INFINITY);
    footer.appendBytes(MAGIC);
    await this.#sink.push(footer.getBytes().slice());
    await this.#sink.finish();
    return this.#sink.bytes;
  }

  async #begin({ schema }: FileMetaData): Promise<void> {
    if (this.#schema) return;
    this.#schema = schema;
    await this.#sink.push(MAGIC);
  }

  async #append(group: RowGroup, start: number, bytes: Uint8Array): Promise<void> {
    const moved = BigInt(this.#sink.bytes - start);
    const at = (offset: bigint | undefined) => (offset === undefined ? undefined : offset + moved);
    this.#groups.push({
      ...group,
      file_offset: at(group.file_offset),
      columns: group.columns.map(({ meta_data, file_offset }) => ({
        file_offset: file_offset > 0n ? file_offset + moved : file_offset,
        meta_data: meta_data && {
          ...meta_data,
          data_page_offset: meta_data.data_page_offset + moved,
          dictionary_page_offset: at(meta_data.dictionary_page_offset),
          // A text's bounds are cut at bytes, not letters, and would not survive being read and written.
          statistics: meta_data.type === "BYTE_ARRAY" ? undefined : meta_data.statistics,
        },
      })),
    } as RowGroup);
    await this.#sink.push(bytes);
  }
}

const hasColumnsOfToday = ({ schema }: FileMetaData) =>
  schema.length === COLUMNS.length + 1 && COLUMNS.every(({ name }, i) => schema[i + 1]!.name === name);

/** The row groups that are exactly these rows; undefined where one begins or ends elsewhere. */
function groupsOf({ row_groups }: FileMetaData, row: number, count: number): RowGroup[] | undefined {
  const found: RowGroup[] = [];
  let at = 0;
  for (const group of row_groups) {
    const end = at + Number(group.num_rows);
    if (end > row && at < row + count) {
      if (at < row || end > row + count) return undefined;
      found.push(group);
    }
    at = end;
  }
  return found;
}

function spanOf({ columns }: RowGroup): { start: number; end: number } {
  const spans = columns.map(({ meta_data }) => {
    const start = Number(meta_data!.dictionary_page_offset ?? meta_data!.data_page_offset);
    return { start, end: start + Number(meta_data!.total_compressed_size) };
  });
  return { start: Math.min(...spans.map((s) => s.start)), end: Math.max(...spans.map((s) => s.end)) };
}

/** The rows as they were sealed, whichever columns the file has. */
async function readSealed(opened: OpenObject, row: number, count: number): Promise<SealedRow[]> {
  const has = new Set(opened.metadata.schema.map(({ name }) => name));
  const columns = SEALED_COLUMNS.filter((name) => has.has(name));
  const span = { rowStart: row, rowEnd: row + count, columns };
  return (await parquetReadObjects({ ...opened, ...span, compressors: COMPRESSORS })).map(sealedRow);
}

export const SEALED_COLUMNS = ["source_id", "event_json", "receipt_json", "receipt_hash"];

/** Files of before there were receipts lack them. */
export function sealedRow(row: Record<string, unknown>): SealedRow {
  const { source_id, event_json, receipt_json = "{}", receipt_hash = "" } = row as Record<string, string>;
  return {
    source_id: source_id!,
    event_json: event_json!,
    receipt_json: receipt_json ?? "{}",
    receipt_hash: receipt_hash ?? "",
    event: JSON.parse(event_json!),
    receipt: JSON.parse(receipt_json ?? "{}"),
  };
}

/** All rows of a shard's file that are still there. */
export async function sealedRowsOf(file: OpenFile): Promise<{ number: number; row: SealedRow }[]> {
  const has = new Set(file.metadata.schema.map(({ name }) => name));
  const found = await file.read(SEALED_COLUMNS.filter((name) => has.has(name)));
  return found.map(({ number, row }) => ({ number, row: sealedRow(row) }));
}

/** Where bytes go, and how many went. */
export interface ByteSink {
  bytes: number;
  push(bytes: Uint8Array): Promise<void>;
  finish(): Promise<void>;
}

/** An object of the lake: an upload in parts, or one put where they are few. Nothing is seen under the key before `finish`. */
export class ObjectSink implements ByteSink {
  bytes = 0;
  readonly #lake: R2Bucket;
  readonly #key: string;
  #waiting = new Uint8Array(UPLOAD_BYTES);
  #used = 0;
  #upload: R2MultipartUpload | undefined;
  readonly #uploaded: R2UploadedPart[] = [];

  constructor(lake: R2Bucket, key: string) {
    this.#lake = lake;
    this.#key = key;
  }

  async push(bytes: Uint8Array): Promise<void> {
    this.bytes += bytes.length;
    for (let at = 0; at < bytes.length; ) {
      if (this.#used === UPLOAD_BYTES) await this.#send();
      const taken = Math.min(bytes.length - at, UPLOAD_BYTES - this.#used);
      this.#waiting.set(bytes.subarray(at, at + taken), this.#used);
      this.#used += taken;
      at += taken;
    }
  }

  async finish(): Promise<void> {
    if (!this.#upload) {
      await this.#lake.put(this.#key, this.#waiting.subarray(0, this.#used));
      return;
    }
    await this.#send();
    await this.#upload.complete(this.#uploaded);
  }

  /** Lets go of what was uploaded; R2 would after seven days. */
  async abort(): Promise<void> {
    await this.#upload?.abort();
  }

  async #send(): Promise<void> {
    this.#upload ??= await this.#lake.createMultipartUpload(this.#key);
    this.#uploaded.push(
      await this.#upload.uploadPart(this.#uploaded.length + 1, this.#waiting.subarray(0, this.#used)),
    );
    this.#used = 0;
  }
}
