/**
 * Sessions that no event finds any more, each once, for the analyses to take.
 *
 * Table `closed`: `id`, `keys` (Uint32 pairs: anonymous_id hash high, low) and `body` (packed NDJSON, one StoredSession a line; rows of earlier versions are text).
 */
import { hash64 } from "../core/hash.ts";
import { pack, unpack } from "../core/packed.ts";
import { rows, utf8Length } from "./rows.ts";
import type { StoredSession } from "./visitor-facts.ts";

/** Call inside a transaction. Returns rows written. */
export function addClosed(sql: SqlStorage, sessions: StoredSession[]): number {
  let written = 0;
  const lines = sessions.map((one) => ({ anonymous_id: one.anonymous_id, line: JSON.stringify(one) }));
  for (const part of rows(lines, ({ line }) => utf8Length(line))) {
    const keys = Uint32Array.from(part.flatMap(({ anonymous_id }) => keyOf(anonymous_id)));
    const body = part.map(({ line }) => line).join("\n");
    written += sql.exec("INSERT INTO closed (keys, body) VALUES (?, ?)", keys.buffer, pack(body)).rowsWritten;
  }
  return written;
}

/** A visitor's, in the order in which they were closed. Reads every row's keys, and the bodies of few. */
export function closedOf(sql: SqlStorage, anonymousId: string): StoredSession[] {
  return sql
    .exec<{ body: Stored }>(
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
): Generator<{ id: number; sessions: StoredSession[] }> {
  for (const row of sql.exec<{ id: number; keys: ArrayBuffer; body: Stored }>(
    "SELECT id, keys, body FROM closed WHERE id > ? ORDER BY id",
    id,
  )) {
    const keys = new Uint32Array(row.keys);
    if (!keys.some((high, i) => i % 2 === 0 && isWanted(high))) yield { id: row.id, sessions: [] };
    else yield { id: row.id, sessions: sessionsIn(row.body).filter((_, i) => isWanted(keys[i * 2]!)) };
  }
}

/** Rows behind `id`, with all their sessions. */
export function* closedRows(sql: SqlStorage, id = 0): Generator<{ id: number; sessions: StoredSession[] }> {
  for (const row of sql.exec<{ id: number; body: Stored }>("SELECT id, body FROM closed WHERE id > ? ORDER BY id", id))
    yield { id: row.id, sessions: sessionsIn(row.body) };
}

/** Deletes the sessions of visitors with a hash of these. Call inside a transaction. Returns rows written. */
export function dropClosed(sql: SqlStorage, isUnwanted: (hashHigh: number, hashLow: number) => boolean): number {
  let written = 0;
  for (const { id, keys: all } of sql
    .exec<{ id: number; keys: ArrayBuffer }>("SELECT id, keys FROM closed ORDER BY id")
    .toArray()) {
    const keys = new Uint32Array(all);
    const left: number[] = [];
    for (let i = 0; i < keys.length; i += 2) if (!isUnwanted(keys[i]!, keys[i + 1]!)) left.push(i / 2);
    if (left.length * 2 === keys.length) continue;
    if (left.length === 0) {
      written += sql.exec("DELETE FROM closed WHERE id = ?", id).rowsWritten;
      continue;
    }
    const stored = sql.exec<{ body: Stored }>("SELECT body FROM closed WHERE id = ?", id).one();
    const lines = unpack(stored.body).split("\n");
    const body = left.map((i) => lines[i]).join("\n");
    const rest = Uint32Array.from(left.flatMap((i) => [keys[i * 2]!, keys[i * 2 + 1]!]));
    written += sql.exec("UPDATE closed SET keys = ?, body = ? WHERE id = ?", rest.buffer, pack(body), id).rowsWritten;
  }
  return written;
}

type Stored = string | ArrayBuffer;
const sessionsIn = (body: Stored) =>
  unpack(body)
    .split("\n")
    .map((line) => JSON.parse(line) as StoredSession);

function keyOf(anonymousId: string): [high: number, low: number] {
  const { high, low } = hash64(anonymousId);
  return [high, low];
}
