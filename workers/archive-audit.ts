/** Cron, nightly: what is new of every organisation's audit goes to R2, as NDJSON that `npm run audit -- verify` reads. */
import { auditRows } from "./audit-rows.ts";

/** UTC. */
const HOUR = 2;
const MOST_ROWS_A_FILE = 10_000;

/** `audit/{organisation}/{first}-{last}.ndjson`, numbers with leading zeros: they list in order. Never overwritten. Returns the keys written. */
export async function archiveAudit(env: { DB: D1Database; LAKE: R2Bucket }, now: number): Promise<string[]> {
  const date = new Date(now);
  if (date.getUTCHours() !== HOUR || date.getUTCMinutes() !== 0) return [];
  const { results } = await env.DB.prepare("SELECT DISTINCT organisation_id AS id FROM audit_log").all<{
    id: string;
  }>();
  const written: string[] = [];
  for (const { id } of results) {
    const lines: string[] = [];
    const first = (await archivedUntil(env.LAKE, id)) + 1;
    let last = first - 1;
    for await (const row of auditRows(env.DB, id, { after: first - 1 })) {
      lines.push(JSON.stringify(row));
      last = row.sequence;
      if (lines.length === MOST_ROWS_A_FILE) break;
    }
    if (lines.length === 0) continue;
    const key = `audit/${id}/${padded(first)}-${padded(last)}.ndjson`;
    await env.LAKE.put(key, `${lines.join("\n")}\n`, { onlyIf: { etagDoesNotMatch: "*" } });
    written.push(key);
  }
  return written;
}

async function archivedUntil(lake: R2Bucket, organisationId: string): Promise<number> {
  let until = 0;
  let cursor: string | undefined;
  do {
    const page: R2Objects = await lake.list({ prefix: `audit/${organisationId}/`, ...(cursor && { cursor }) });
    for (const { key } of page.objects) until = Math.max(until, Number(/-(\d+)\.ndjson$/.exec(key)?.[1] ?? 0));
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor);
  return until;
}

const padded = (n: number) => String(n).padStart(10, "0");
