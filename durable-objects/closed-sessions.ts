/**
 * Sessions that no event finds any more, each once, for the analyses to take.
 *
 * Table `closed`: `id`, `keys` (Uint32 pairs: anonymous_id hash high, low) and `body` (NDJSON, one SessionSummary a line).
 */
import { hash64 } from "../core/hash.ts";
import { rows, utf8Length } from "./rows.ts";
import type { SessionSummary } from "./visitor-facts.ts";

/** Call inside a transaction. Returns rows written. */
export function addClosed(sql: SqlStorage, sessions: SessionSummary[]): number {
  let written = 0;
  const lines = sessions.map((one) => ({ anonymous_id: one.anonymous_id, line: JSON.stringify(one) }));
  for (const part of rows(lines, ({ line }) => utf8Length(line))) {
    const keys = Uint32Array.from(part.flatMap(({ anonymous_id }) => keyOf(anonymous_id)));
    const body = part.map(({ line }) => line).join("\n");
    written += sql.exec("INSERT INTO closed (keys, body) VALUES (?, ?)", keys.buffer, body).rowsWritten;
  }
  return written;
}

/** A visitor's, in the order in which they were closed. Reads every row's keys, and the bodies of few. */
export function closedOf(sql: SqlStorage, anonymousId: string): SessionSummary[] {
  return sql
    .exec<{ body: string }>(
      "SELECT body FROM closed WHERE instr(keys, ?) > 0 ORDER BY id",
      Uint32Array.from(keyOf(anonymousId)).buffer,
    )
    .toArray()
    .flatMap(({ body }) => body.split("\n").map((line) => JSON.parse(line) as SessionSummary))
    .filter((session) => session.anonymous_id === anonymousId);
}

function keyOf(anonymousId: string): [high: number, low: number] {
  const { high, low } = hash64(anonymousId);
  return [high, low];
}
