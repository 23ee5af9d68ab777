import type { Integration } from "./environment.ts";
import { hash64 } from "./hash.ts";
import { LANES } from "./queue-messages.ts";

/** The delivery lane of an integration: pinned, or by hash of its id, so that vendors spread and a slow one holds up few others. */
export function laneOf({ id, lane }: Pick<Integration, "id" | "lane">): number {
  return lane ?? hash64(id).high % LANES;
}
