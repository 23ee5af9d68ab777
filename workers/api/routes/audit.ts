import { type Context, Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { type AuditRow, ChainCheck } from "../../../core/audit-chain.ts";
import { auditRows } from "../../audit-rows.ts";
import type { ApiEnv } from "../../env.ts";
import { OPERATOR } from "../audit.ts";
import { environmentOf } from "./environment-of.ts";

const query = z.object({
  actor: z.string().max(256).optional(),
  action: z.string().max(256).optional(),
  /** Begins with this. */
  subject: z.string().max(2_000).optional(),
  from: z.iso.datetime().optional(),
  to: z.iso.datetime().optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
  /** The `sequence` of the last one seen. */
  before: z.coerce.number().int().min(1).optional(),
});

/** Rows that one request checks; whoever has more checks the archive (`npm run audit`). */
const MOST_ROWS = 50_000;
const PIECE = 1_000;

/**
 * GET: newest first, by filter. GET /verify: whether the chain is whole, and each row that is not as it was written. `?organisation=operator`
 * is what was done with the admin token to no environment in particular.
 */
export const auditRoutes = new Hono<{ Bindings: ApiEnv }>()
  .get("/", async (c) => {
    const parsed = query.safeParse(c.req.query());
    if (!parsed.success) throw new ApiError("invalid_request", z.prettifyError(parsed.error));
    const { actor, action, subject, from, to, limit, before } = parsed.data;
    const conditions = [
      [(n: number) => `organisation_id = ?${n}`, await organisationOf(c)],
      [(n: number) => `actor = ?${n}`, actor],
      [(n: number) => `action = ?${n}`, action],
      [(n: number) => `substr(subject, 1, length(?${n})) = ?${n}`, subject],
      [(n: number) => `at >= ?${n}`, from],
      [(n: number) => `at < ?${n}`, to],
      [(n: number) => `sequence < ?${n}`, before],
    ] as const;
    const given = conditions.filter(([, value]) => value !== undefined);
    const where = given.map(([sql], i) => sql(i + 1)).join(" AND ");
    const { results } = await c.env.DB.prepare(
      `SELECT * FROM audit_log WHERE ${where} ORDER BY sequence DESC LIMIT ${limit}`,
    )
      .bind(...given.map(([, value]) => value))
      .all<AuditRow>();
    const next = results.length === limit ? results.at(-1)!.sequence : undefined;
    return c.json({ records: results.map(opened), ...(next !== undefined && { next }) });
  })
  .get("/verify", async (c) => {
    const organisationId = await organisationOf(c);
    const head = await c.env.AUDIT_LOG.getByName(organisationId).head();
    const check = new ChainCheck(organisationId);
    for await (const row of auditRows(c.env.DB, organisationId, { piece: PIECE })) {
      check.add(row);
      if (check.rows === MOST_ROWS) break;
    }
    const isAll = check.rows < MOST_ROWS;
    const problems = isAll ? check.end(head ?? { sequence: 0, hash: "" }) : check.problems;
    return c.json({ ok: problems.length === 0, rows: check.rows, is_all: isAll, head: head ?? null, problems });
  });

async function organisationOf(c: Context<{ Bindings: ApiEnv }>): Promise<string> {
  const { organisation_id } = c.get("access");
  // Before what the query says: only the admin token belongs to no organisation.
  if (organisation_id !== null) return organisation_id;
  if (c.req.query("organisation") === OPERATOR) return OPERATOR;
  return (await environmentOf(c)).organisation_id;
}

const opened = ({ before, after, ...row }: AuditRow) => ({ ...row, before: json(before), after: json(after) });
const json = (text: string | null): unknown => (text === null ? null : JSON.parse(text));
