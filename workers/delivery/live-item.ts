import type { LiveItem } from "../../core/live.ts";
import type { Call } from "./make-calls.ts";
import type { Target } from "./target.ts";

/** Of a vendor's answer; its request is shown whole. */
const SHOWN_CHARACTERS = 2_000;

/** A vendor request as the live stream shows it, after its events were settled. Holds no secrets. */
export function liveItem({ lines, outcomes, request, result }: Call, { integration, mask }: Target): LiveItem {
  return {
    kind: "delivered",
    integration_id: integration.id,
    integration: integration.name,
    at: new Date().toISOString(),
    attempt: lines[0]!.parcel.body.attempt,
    events: lines.map(({ parcel, item }, i) => {
      const { message_id, event, received_at } = item;
      const about = { message_id, event, received_at };
      const outcome = outcomes[i]!;
      if (outcome.outcome === "delivered") return { ...about, outcome: "delivered" };
      // Of a request that was bisected the parts tell what became of each event.
      const bisected = outcome.outcome === "batch_refused" && lines.length > 1;
      const dead = !bisected && parcel.dead.has(item);
      return { ...about, outcome: dead ? "dead_lettered" : "retried", reason: outcome.reason };
    }),
    request: { url: mask(request.url), method: request.method, body: mask(request.body) },
    response: result.answered
      ? { status: result.response.status, body: result.response.body.slice(0, SHOWN_CHARACTERS), ms: result.ms }
      : { error: result.error, ms: result.ms },
  };
}
