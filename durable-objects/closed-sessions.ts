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
    .flatMap(({ body }) => sessionsIn(body))
    .filter((session) => session.anonymous_id === anonymousId);
}

/** Rows behind `id`, each with its sessions of visitors with a hash of these. */
export function* closedBehind(
  sql: SqlStorage,
  id: number,
  isWanted: (hashHigh: number) => boolean,
): Generator<{ id: number; sessions: SessionSummary[] }> {
  for (const row of sql.exec<{ id: number; keys: ArrayBuffer; body: string }>(
    "SELECT id, keys, body FROM closed WHERE id > ? ORDER BY id",
    id,
  )) {
    const keys = new Uint32Array(row.keys);
    if (!keys.some((high, i) => i % 2 === 0 && isWanted(high))) yield { id: row.id, sessions: [] };
    else yield { id: row.id, sessions: sessionsIn(row.body).filter((_, i) => isWanted(keys[i * 2]!)) };
  }
}

/** Deletes the sessions of visitors with a hash of these. Call inside a transaction. Returns rows written. */
export function dropClosed(sql: SqlStorage, isUnwanted: (hashHigh: number, hashLow: number) => boolean): number {
  let written = 0;
  for (const { id, keys: stored } of sql
    .exec<{ id: number; keys: ArrayBuffer }>("SELECT id, keys FROM closed ORDER BY id")
    .toArray()) {
    const keys = new Uint32Array(stored);
    const left: number[] = [];
    for (let i = 0; i < keys.length; i += 2) if (!isUnwanted(keys[i]!, keys[i + 1]!)) left.push(i / 2);
    if (left.length * 2 === keys.length) continue;
    if (left.length === 0) {
      written += sql.exec("DELETE FROM closed WHERE id = ?", id).rowsWritten;
      continue;
    }
    const lines = sql.exec<{ body: string }>("SELECT body FROM closed WHERE id = ?", id).one().body.split("\n");
    const body = left.map((i) => lines[i]).join("\n");
    const rest = Uint32Array.from(left.flatMap((i) => [keys[i * 2]!, keys[i * 2 + 1]!]));
    written += sql.exec("UPDATE closed SET keys = ?, body = ? WHERE id = ?", rest.buffer, body, id).rowsWritten;
  }
  return written;
}

const sessionsIn = (body: string) => body.split("\n").map((line) => JSON.parse(line) as SessionSummary);

function keyOf(anonymousId: string): [high: number, low: number] {
  const { high, low } = hash64(anonymousId);
  return [high, low];
}
