/**
 * What became of events by the version of the pipeline that they came through: counted for good, so that a canary can be compared
 * with the version that it is to replace. Kept in the integration's gate, which hears of all of them.
 */

export interface VersionCounts {
  /** Sent to the delivery queue. */
  queued: number;
  /** Not sent, as the pipeline, the mapping or its reasons wish. */
  filtered: number;
  /** Not sent because a step, the mapping or the output validation failed. */
  failed: number;
  /** Steps that failed and were passed over. */
  skipped_steps: number;
  /** The vendor took it. */
  delivered: number;
  /** The vendor never will: a dead letter. */
  dead_lettered: number;
}

export const VERSION_OUTCOMES = [
  "queued",
  "filtered",
  "failed",
  "skipped_steps",
  "delivered",
  "dead_lettered",
] as const;

export function addVersionCounts(counts: VersionCounts | undefined, more: Partial<VersionCounts>): VersionCounts {
  const sum = {
    ...(counts ?? { queued: 0, filtered: 0, failed: 0, skipped_steps: 0, delivered: 0, dead_lettered: 0 }),
  };
  for (const name of VERSION_OUTCOMES) sum[name] += more[name] ?? 0;
  return sum;
}

export const VERSION_COUNTS_TABLE = "CREATE TABLE versions (tag TEXT PRIMARY KEY, counts TEXT NOT NULL) WITHOUT ROWID;";

/** One row written for each version that the report speaks of. */
export function countVersions(sql: SqlStorage, versions: Record<string, Partial<VersionCounts>> = {}): void {
  for (const [tag, more] of Object.entries(versions)) {
    const [row] = sql.exec<{ counts: string }>("SELECT counts FROM versions WHERE tag = ?", tag);
    const counts = addVersionCounts(row && JSON.parse(row.counts), more);
    sql.exec("INSERT OR REPLACE INTO versions (tag, counts) VALUES (?, ?)", tag, JSON.stringify(counts));
  }
}

export function versionCounts(sql: SqlStorage, tags: string[]): Record<string, VersionCounts> {
  const rows = sql.exec<{ tag: string; counts: string }>(
    "SELECT tag, counts FROM versions WHERE tag IN (SELECT value FROM json_each(?))",
    JSON.stringify(tags),
  );
  return Object.fromEntries([...rows].map(({ tag, counts }) => [tag, JSON.parse(counts) as VersionCounts]));
}
