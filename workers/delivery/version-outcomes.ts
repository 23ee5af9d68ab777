import type { VersionCounts } from "../../durable-objects/version-counts.ts";
import { addVersionCounts } from "../../durable-objects/version-counts.ts";
import type { Parcel } from "./parcel.ts";

/** What the vendor finally said, by the pipeline version that each event came through. Of messages that were settled. */
export function versionOutcomes(parcels: Parcel[]): Record<string, VersionCounts> {
  const counts: Record<string, VersionCounts> = {};
  for (const { body, outcomes, dead } of parcels) {
    for (const item of body.items) {
      const delivered = outcomes.get(item)?.outcome === "delivered";
      if (!item.versions || !(delivered || dead.has(item))) continue;
      for (const tag of item.versions)
        counts[tag] = addVersionCounts(counts[tag], delivered ? { delivered: 1 } : { dead_lettered: 1 });
    }
  }
  return counts;
}
