/**
 * An event's payload for one integration outside the processor: for replays, retried letters and test events. The processor's own
 * way goes through `runLayer2`, and so does this one, so that a payload made here is the one that would be sent.
 */
import { ApiError } from "../../core/api-error.ts";
import type { Environment, Integration } from "../../core/environment.ts";
import type { Event } from "../../core/event.ts";
import type { Mapped } from "./map-for-integration.ts";
import { runLayer2 } from "./pipeline.ts";
import { enforceConsent } from "./steps/enforce-consent.ts";

export type MapFor = (event: Event, integration: Integration, sourceId: string) => Mapped;

/**
 * How events become payloads in this environment: by the current configuration, or by another version of its pipelines. Throws
 * `invalid_request` for a version that is not there. This is where versions of pipelines are to be found, once there are any.
 */
export async function mapFor(environment: Environment, version?: number): Promise<MapFor> {
  if (version !== undefined) throw new ApiError("invalid_request", `There is no version ${version} of the pipelines`);
  return (event, integration, source_id) =>
    runLayer2(event, { environment, source_id, request: {}, vendor_ids: {} }, integration);
}

/** What the event may be used for, as the processor would judge it: the lake keeps what people said and not what follows from it. */
export function withPurposes(
  event: Event,
  environment: Environment,
  objected: { gpc?: boolean; dnt?: boolean },
): Event {
  const verdict = enforceConsent.run(event, {
    environment,
    source_id: "",
    request: objected,
    vendor_ids: {},
    shard: undefined as never,
  });
  return verdict.verdict === "kept" ? verdict.event : event;
}
