import { Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { receiptKeyOf } from "../../../core/receipt-chain.ts";
import { dayFolder, openObject, placeOfFile, placesOfDay } from "../../../durable-objects/lake-manifest.ts";
import { type ByteSink, LakeObjectWriter } from "../../../durable-objects/lake-object-writer.ts";
import type { ApiEnv } from "../../env.ts";
import { environmentOf } from "./environment-of.ts";

const query = z.object({
  /** UTC days of arrival, both included. */
  from: z.iso.date(),
  to: z.iso.date(),
  shard: z
    .string()
    .regex(/^[\w-]+$/)
    .optional(),
});
const MOST_DAYS = 31;
const FILE = /^events\/env=([\w-]+)\/dt=\d{4}-\d\d-\d\d\/[\w-]+\.parquet$/;

/**
 * GET `?from&to&shard`: the lake files of some days, each with its statement, for `npm run receipt -- fetch`. GET /file `?key`: one of
 * them as it lies in the lake.
 */
export const receipts = new Hono<{ Bindings: ApiEnv }>()
  .get("/", async (c) => {
    const parsed = query.safeParse(c.req.query());
    if (!parsed.success) throw new ApiError("invalid_request", z.prettifyError(parsed.error));
    const { from, to, shard } = parsed.data;
    const environment = await environmentOf(c);
    const days = daysBetween(from, to);
    if (days.length === 0 || days.length > MOST_DAYS)
      throw new ApiError("invalid_request", `from and to: 1 to ${MOST_DAYS} days`);
    const files: { key: string; erased?: number; statement: unknown }[] = [];
    for (const day of days) {
      const prefix = `${dayFolder(environment.id, day)}${shard ? `${shard}-` : ""}`;
      for (const { key, part } of await placesOfDay(c.env.LAKE, environment.id, day)) {
        if (!key.startsWith(prefix)) continue;
        const statement = await c.env.LAKE.get(receiptKeyOf(key));
        // Files of before receipts were signed have none.
        const erased = part?.erased?.length ?? 0;
        files.push({ key, ...(erased && { erased }), statement: statement ? await statement.json() : null });
      }
    }
    return c.json({ environment_id: environment.id, files });
  })
  .get("/file", async (c) => {
    const key = c.req.query("key") ?? "";
    const environment = await environmentOf(c);
    // A key of another environment must not be reached by naming this one.
    const found = FILE.exec(key)?.[1] === environment.id ? await bytesOf(c.env.LAKE, key) : null;
    if (!found) throw new ApiError("not_found", `No lake file ${key}`);
    return new Response(found, { headers: { "content-type": "application/vnd.apache.parquet" } });
  });

function daysBetween(from: string, to: string): string[] {
  const days: string[] = [];
  for (let at = Date.parse(from); at <= Date.parse(to) && days.length <= MOST_DAYS; at += 86_400_000) {
    days.push(new Date(at).toISOString().slice(0, 10));
  }
  return days;
}

/**
 * The file as its shard wrote it; where its rows lie in another object, a file of just them, which says so: its rows are what was
 * signed, its bytes are not.
 */
async function bytesOf(lake: R2Bucket, key: string): Promise<ReadableStream | Uint8Array | null> {
  const place = await placeOfFile(lake, key);
  if (!place.part) return (await lake.get(key))?.body ?? null;
  const opened = await openObject(lake, place.object);
  if (!opened) return null;
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
  await writer.copy(opened, place.row, place.part);
  await writer.finish();
  return new Uint8Array(Buffer.concat(pieces));
}
