/**
 * Sees to it that a change of shards comes to its end. Shards fetch their visitors by themselves as soon as they hear of a new map, from
 * the API or with the first event; here those are told who heard of it from nobody, and the old map goes when all are done.
 */
import { drizzle } from "drizzle-orm/d1";
import type { ShardMap } from "../core/shard-map.ts";
import { endMove, movesUnderWay } from "../db/reshard-environment.ts";
import * as schema from "../db/schema.ts";
import type { ProcessorEnv } from "./env.ts";

type Bindings = Pick<ProcessorEnv, "CONFIG" | "DB" | "VISITOR_SHARD">;

/** Tells the shards of a map that it is theirs to follow. Whether all of them have what it gives them. */
export async function followMap(shards: Bindings["VISITOR_SHARD"], id: string, map: ShardMap): Promise<boolean> {
  const told = await Promise.all(map.shards.map((shard) => shards.getByName(`${id}/${shard}`).follow(map)));
  return told.every(({ settled }) => settled);
}

/** Every minute. What one environment fails with is logged, and the others are seen to. */
export async function driveMoves(env: Bindings): Promise<void> {
  const db = drizzle(env.DB, { schema });
  for (const { id, map } of await movesUnderWay(db)) {
    try {
      if (await followMap(env.VISITOR_SHARD, id, map)) await endMove(db, env.CONFIG, id, map);
    } catch (error) {
      console.error(JSON.stringify({ level: "error", at: "drive_moves", environment: id, message: String(error) }));
    }
  }
}
