import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { parquetMetadata } from "hyparquet";
import { afterAll, beforeAll, expect, it } from "vitest";
import { contentHash } from "../core/receipt-chain.ts";
import { lakeFile, type SealedRow } from "../durable-objects/lake-file.ts";
import { type ByteSink, LakeObjectWriter } from "../durable-objects/lake-object-writer.ts";
import { anEvent } from "./an-event.ts";

const FILES = 5;
const ROWS = 400;
let folder: string;

/** Orders of 2010, in cents that add up to something. */
const rows = (file: number): SealedRow[] =>
  Array.from({ length: ROWS }, (_, i) => {
    const n = file * ROWS + i;
    const event = anEvent({
      message_id: `m-${n}`,
      anonymous_id: `a-${n % 97}`,
      event: n % 3 === 0 ? "Order Completed" : "page",
      properties: n % 3 === 0 ? { revenue: (n % 1_000) + 0.25, currency: "GBP" } : {},
    });
    const event_json = JSON.stringify(event);
    return {
      source_id: "src",
      event,
      receipt: {},
      event_json,
      receipt_json: "{}",
      receipt_hash: contentHash("src", event_json, "{}"),
    };
  });

/** An object as compaction writes it, with a third file of which two rows were erased. */
async function compacted(): Promise<{ bytes: Buffer; left: SealedRow[] }> {
  const pieces: Uint8Array[] = [];
  const sink: ByteSink = {
    bytes: 0,
    push: async (piece) => {
      sink.bytes += piece.length;
      pieces.push(piece);
    },
    finish: async () => {},
  };
  const writer = new LakeObjectWriter(sink);
  const left: SealedRow[] = [];
  for (let n = 0; n < FILES; n++) {
    const all = rows(n);
    if (n === 2) {
      await writer.write(all.slice(2), {
        key: `f${n}`,
        rows: ROWS - 2,
        erased: [
          [0, all[0]!.receipt_hash],
          [1, all[1]!.receipt_hash],
        ],
      });
      left.push(...all.slice(2));
      continue;
    }
    const file = lakeFile(all);
    await writer.copy({ file, metadata: parquetMetadata(file) }, 0, { key: `f${n}`, rows: ROWS });
    left.push(...all);
  }
  await writer.finish();
  return { bytes: Buffer.concat(pieces), left };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lake-"));
});
afterAll(() => rm(folder, { recursive: true }));

it("is read by DuckDB when it was compacted: the same counts, visitors, sums, bounds of time and hashes", async () => {
  const { bytes, left } = await compacted();
  const path = join(folder, "compacted.parquet");
  await writeFile(path, bytes);
  const db = await (await DuckDBInstance.create()).connect();
  const ask = async (sql: string) => (await db.runAndReadAll(sql)).getRowObjectsJson()[0]!;
  const revenue = left.reduce((sum, { event }) => sum + ((event.properties.revenue as number) ?? 0), 0);
  expect(
    await ask(`SELECT count(*)::INT AS rows, count(DISTINCT message_id)::INT AS ids, count(DISTINCT anonymous_id)::INT AS visitors,
                      sum(revenue) AS revenue, count(*) FILTER (event = 'Order Completed')::INT AS orders FROM '${path}'`),
  ).toEqual({
    rows: left.length,
    ids: left.length,
    visitors: 97,
    revenue,
    orders: left.filter(({ event }) => event.event === "Order Completed").length,
  });
  expect(
    await ask(`SELECT count(*)::INT AS wrong FROM '${path}'
               WHERE sha256(source_id || chr(10) || event_json || chr(10) || receipt_json) <> receipt_hash`),
  ).toEqual({ wrong: 0 });
  // By the statistics of row groups, which were moved with them.
  const [{ event }] = left as [SealedRow];
  expect(await ask(`SELECT count(*)::INT AS n FROM '${path}' WHERE received_at >= '${event.received_at}'`)).toEqual({
    n: left.length,
  });
  expect(await ask(`SELECT count(*)::INT AS n FROM '${path}' WHERE received_at > '2100-01-01'`)).toEqual({ n: 0 });
});

it("is read together with an older file that has fewer columns", async () => {
  const { bytes, left } = await compacted();
  const path = join(folder, "new.parquet");
  await writeFile(path, bytes);
  const db = await (await DuckDBInstance.create()).connect();
  await db.run(
    `COPY (SELECT source_id, received_at, message_id, event_json FROM '${path}' LIMIT 10) TO '${join(folder, "old.parquet")}' (FORMAT parquet, COMPRESSION gzip)`,
  );
  const sql = `SELECT count(*)::INT AS n, count(receipt_hash)::INT AS hashed FROM read_parquet(['${path}', '${join(folder, "old.parquet")}'], union_by_name = true)`;
  expect((await db.runAndReadAll(sql)).getRowObjectsJson()[0]).toEqual({ n: left.length + 10, hashed: left.length });
});
