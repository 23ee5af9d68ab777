/**
 * Sees to it that a change of shards comes to its end. Shards fetch their visitors and people by themselves as soon as they hear of a new map, from
 * the API or with the first event; here those are told who heard of it from nobody, and the old map goes when all are done.
 */
import { drizzle } from "drizzle-orm/d1";
import type { ShardMap } from "../core/shard-map.ts";
import { endMove, type MapName, movesUnderWay } from "../db/reshard-environment.ts";
import * as schema from "../db/schema.ts";
import type { ProcessorEnv } from "./env.ts";

type Bindings = Pick<ProcessorEnv, "CONFIG" | "DB" | "VISITOR_SHARD" | "PROFILE_SHARD">;
type Shards = Pick<Bindings, "VISITOR_SHARD" | "PROFILE_SHARD">;

/** Tells the shards of a map that it is theirs to follow. Whether all of them have what it gives them. */
export async function followMap(
  shards: Bindings["VISITOR_SHARD"] | Bindings["PROFILE_SHARD"],
  id: string,
  map: ShardMap,
): Promise<boolean> {
  const told = await Promise.all(map.shards.map((shard) => shards.getByName(`${id}/${shard}`).follow(map)));
  return told.every(({ settled }) => settled);
}

/** Those whose map it is. */
export function shardsOfMap(env: Shards, name: MapName) {
  return name === "shard_map" ? env.VISITOR_SHARD : env.PROFILE_SHARD;
}

/** Every minute. What one environment fails with is logged, and the others are seen to. */
export async function driveMoves(env: Bindings): Promise<void> {
  const db = drizzle(env.DB, { schema });
  for (const { id, name, map } of await movesUnderWay(db)) {
    try {
      if (await followMap(shardsOfMap(env, name), id, map)) await endMove(db, env.CONFIG, id, name, map);
    } catch (error) {
      console.error(
        JSON.stringify({ level: "error", at: "drive_moves", environment: id, map: name, message: String(error) }),
      );
    }
  }
}
