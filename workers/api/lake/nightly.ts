/** Begins each night, for each environment, the compaction of the days that are over, and again every erasure that did not come to its end. */
import { and, inArray, lt } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { environments, lakeJobs } from "../../../db/schema.ts";
import type { ApiEnv } from "../../env.ts";
import type { LakeRun } from "./lake-work.ts";

/** 02:17 UTC. */
const MINUTE_OF_DAY = 2 * 60 + 17;
/** A shard's last files of a day come minutes after it, and late ones days later; what was retired goes the night after. */
const NIGHTS = 5;
const DAY_MS = 86_400_000;

/** Returns the names of the Workflows that were begun; none but in the one minute, of `now` in epoch milliseconds. */
export async function beginNight(env: Pick<ApiEnv, "DB" | "LAKE_WORK">, now: number): Promise<string[]> {
  if (Math.floor(now / 60_000) % 1_440 !== MINUTE_OF_DAY) return [];
  const dateOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  const begun: string[] = [];
  const begin = async (id: string, params: LakeRun) => {
    try {
      await env.LAKE_WORK.create({ id, params });
      begun.push(id);
    } catch (error) {
      // The same minute twice, or an outage: the next night does what was left.
      console.warn(JSON.stringify({ level: "warn", at: "lake.night", id, message: String(error) }));
    }
  };
  const isOpen = and(
    inArray(lakeJobs.status, ["running", "failed"]),
    lt(lakeJobs.created_at, new Date(now - DAY_MS / 24).toISOString()),
  );
  for (const { id } of await drizzle(env.DB).select({ id: lakeJobs.id }).from(lakeJobs).where(isOpen))
    await begin(`${id}-${dateOf(now)}`, { kind: "erasure", id });
  for (const { id: environment_id } of await drizzle(env.DB).select({ id: environments.id }).from(environments)) {
    for (let back = 1; back <= NIGHTS; back++) {
      const date = dateOf(now - back * DAY_MS);
      const id = `compact-${environment_id}-${date}-${dateOf(now)}`;
      await begin(id, { kind: "compaction", environment_id, date, now });
    }
  }
  return begun;
}
