import type { AuditRow } from "../core/audit-chain.ts";

/** An organisation's records behind `after`, oldest first, read from D1 by pieces. */
export async function* auditRows(
  db: D1Database,
  organisationId: string,
  { after = 0, piece = 1_000 }: { after?: number; piece?: number } = {},
): AsyncGenerator<AuditRow> {
  let last = after;
  while (true) {
    const { results } = await db
      .prepare("SELECT * FROM audit_log WHERE organisation_id = ? AND sequence > ? ORDER BY sequence LIMIT ?")
      .bind(organisationId, last, piece)
      .all<AuditRow>();
    yield* results;
    if (results.length < piece) return;
    last = results.at(-1)!.sequence;
  }
}
