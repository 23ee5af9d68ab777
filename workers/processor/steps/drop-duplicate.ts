import { drop, keep, type ShardStep } from "../step.ts";

/** An event that another message brought before. A redelivered message goes on: it may have died after the shard call. */
export const dropDuplicate: ShardStep = {
  name: "drop_duplicate",
  run: (event, { shard }) => (shard.verdict === "duplicate" ? drop("duplicate") : keep(event)),
};
