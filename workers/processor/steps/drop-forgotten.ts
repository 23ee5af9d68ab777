import { drop, keep, type ShardStep } from "../step.ts";

/** An event that happened before its visitor was deleted: it must not bring back anything of them. */
export const dropForgotten: ShardStep = {
  name: "drop_forgotten",
  run: (event, { shard }) => (shard.verdict === "forgotten" ? drop("forgotten") : keep(event)),
};
