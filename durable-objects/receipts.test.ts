import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { gunzipSync } from "node:zlib";
import { parquetReadObjects } from "hyparquet";
import { describe, expect, it, vi } from "vitest";
import { contentHash, headsOf, NO_HEAD, type ReceiptStatement, receiptKeyOf } from "../core/receipt-chain.ts";
import { openStatement, signingKey } from "../core/receipt-key.ts";
import { anEvent } from "../test/an-event.ts";
import { writeSealed } from "./receipts.ts";
import type { VisitorShard } from "./visitor-shard.ts";

const ENVIRONMENT = "env_receipts";
let shards = 0;
let events = 0;
const newShard = () => env.VISITOR_SHARD.getByName(`${ENVIRONMENT}/s${shards++}`);

async function apply(shard: DurableObjectStub<VisitorShard>, count: number) {
  const all = Array.from({ length: count }, () => anEvent({ message_id: `receipt-${events++}` }));
  await shard.apply({
    events: all.map(({ message_id, anonymous_id }) => ({
      message_id,
      anonymous_id,
      at: Date.parse("2026-11-20T10:00:00Z"),
      delivery: `q-${message_id}:0`,
      vendor_ids: {},
    })),
    lines: all.map((event) =>
      JSON.stringify({ source_id: "src", event, receipt: { v: 1, configuration: 7, steps: [] } }),
    ),
    session_timeout_ms: 1_800_000,
    now: Date.parse("2026-11-20T10:00:01Z"),
  });
}

async function statements(shard: DurableObjectStub<VisitorShard>): Promise<ReceiptStatement[]> {
  const [, name] = shard.name!.split("/");
  const { objects } = await env.LAKE.list({ prefix: `receipts/env=${ENVIRONMENT}/dt=2026-11-20/${name}-` });
  const { public: key } = await signingKey(env.RECEIPT_KEY!);
  const opened = await Promise.all(
    objects.map(async (object) => {
      const { jws } = await (await env.LAKE.get(object.key))!.json<{ jws: string }>();
      const found = await openStatement(jws, [key]);
      if (!found.ok) throw new Error(found.why);
      return found.statement;
    }),
  );
  return opened.sort((a, b) => a.first - b.first);
}

async function rowsOf(file: string) {
  const buffer = await (await env.LAKE.get(file))!.arrayBuffer();
  return parquetReadObjects({ file: buffer, compressors: { GZIP: (data) => gunzipSync(data) } });
}

describe("a shard's receipts", () => {
  it("are chained through its files and signed, also when it was evicted between them", async () => {
    const shard = newShard();
    await apply(shard, 3);
    await shard.flush();
    await evictDurableObject(shard);
    await apply(shard, 300);
    await shard.flush();
    const [first, second] = await statements(shard);
    expect(first).toMatchObject({ environment_id: ENVIRONMENT, first: 1, count: 3, previous: NO_HEAD });
    expect(second).toMatchObject({ first: 4, count: 300, previous: first!.heads.at(-1) });
    const rows = await rowsOf(second!.file);
    const hashes = rows.map((row) => contentHash(row.source_id, row.event_json, row.receipt_json));
    expect(rows.map((row) => row.receipt_hash)).toEqual(hashes);
    expect(second!.heads).toEqual(headsOf(first!.heads.at(-1)!, hashes));
    expect(second!.heads).toHaveLength(2);
    expect(JSON.parse(rows[0]!.receipt_json)).toMatchObject({ configuration: 7 });
  });

  it("go on where they were when a file was written and the crash came before that was noted", async () => {
    const rows = (n: number) =>
      Array.from({ length: n }, (_, i) => ({
        source_id: "src",
        event: anEvent({ message_id: `crash-${i}` }),
        receipt: {},
      }));
    const file = `events/env=${ENVIRONMENT}/dt=2026-11-20/crash-1-4.parquet`;
    const owner: [string, string] = [ENVIRONMENT, "crash"];
    const sealing = { LAKE: env.LAKE, RECEIPT_KEY: env.RECEIPT_KEY! };
    const once = await writeSealed(sealing, owner, file, rows(3), { head: NO_HEAD, receipts: 0 });
    const before = await (await env.LAKE.get(receiptKeyOf(file)))!.text();
    const again = await writeSealed(sealing, owner, file, rows(3), { head: NO_HEAD, receipts: 0 });
    expect(again).toEqual({ ...once, written: false });
    expect(await (await env.LAKE.get(receiptKeyOf(file)))!.text()).toBe(before);
  });

  it("reach the lake unsigned, and the log says so, where the key is none", async () => {
    const said = vi.spyOn(console, "error").mockImplementation(() => {});
    const file = `events/env=${ENVIRONMENT}/dt=2026-11-20/bad-1-2.parquet`;
    const rows = [{ source_id: "src", event: anEvent(), receipt: {} }];
    await writeSealed({ LAKE: env.LAKE, RECEIPT_KEY: "short" }, [ENVIRONMENT, "bad"], file, rows, {
      head: NO_HEAD,
      receipts: 0,
    });
    expect(await (await env.LAKE.get(receiptKeyOf(file)))!.json()).toMatchObject({ unsigned: { count: 1 } });
    expect(said.mock.calls.flat()).toEqual([expect.stringMatching(/RECEIPT_KEY must be 32 bytes/)]);
    said.mockRestore();
  });
});
