import { Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { receiptKeyOf } from "../../../core/receipt-chain.ts";
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
    const files: { key: string; bytes: number; statement: unknown }[] = [];
    for (const day of days) {
      for (const { key, size } of await list(
        c.env.LAKE,
        `events/env=${environment.id}/dt=${day}/${shard ? `${shard}-` : ""}`,
      )) {
        const statement = await c.env.LAKE.get(receiptKeyOf(key));
        // Files of before receipts were signed have none.
        files.push({ key, bytes: size, statement: statement ? await statement.json() : null });
      }
    }
    return c.json({ environment_id: environment.id, files });
  })
  .get("/file", async (c) => {
    const key = c.req.query("key") ?? "";
    const environment = await environmentOf(c);
    // A key of another environment must not be reached by naming this one.
    const found = FILE.exec(key)?.[1] === environment.id ? await c.env.LAKE.get(key) : null;
    if (!found) throw new ApiError("not_found", `No lake file ${key}`);
    return new Response(found.body, { headers: { "content-type": "application/vnd.apache.parquet" } });
  });

function daysBetween(from: string, to: string): string[] {
  const days: string[] = [];
  for (let at = Date.parse(from); at <= Date.parse(to) && days.length <= MOST_DAYS; at += 86_400_000) {
    days.push(new Date(at).toISOString().slice(0, 10));
  }
  return days;
}

async function list(lake: R2Bucket, prefix: string): Promise<R2Object[]> {
  const objects: R2Object[] = [];
  let cursor: string | undefined;
  do {
    const page: R2Objects = await lake.list({ prefix, ...(cursor && { cursor }) });
    objects.push(...page.objects);
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor);
  return objects;
}
