import { allows } from "../../core/consent.ts";
import type { Integration } from "../../core/environment.ts";
import type { Event } from "../../core/event.ts";
import { MESSAGE_BYTES } from "../../core/queue-messages.ts";
import type { Reason } from "../../core/receipt.ts";
import { isRecord } from "../../core/values.ts";
import { type Destination, isSkip } from "../delivery/destination.ts";

export type Mapped = (
  | /** The payload as JSON: it is measured here and sent as it is. */ { outcome: "queued"; payload_json: string }
  | Filtered
) & {
  /** The pipelines and versions that it went through. */
  versions?: string[];
  /** Steps that failed and were passed over. */
  skipped?: number;
};

export interface Filtered {
  outcome: "filtered";
  reason: Reason;
  detail?: string;
  /** Wrong rather than unwanted: the event is kept aside as a dead letter. */
  quarantined?: boolean;
}

/** What an integration gets of this event by the destination's own mapping, where no pipeline is set up for it. */
export function mapForIntegration(
  event: Event,
  sourceId: string,
  integration: Integration,
  destination: Destination | undefined,
): Mapped {
  const refusal = refusalOf(event, sourceId, integration, destination);
  if (refusal) return refusal;
  const mapped = payloadFor(event, integration, destination!);
  if ("outcome" in mapped) return mapped;
  return invalidPayload(mapped.payload, destination!) ?? queue(mapped.payload);
}

/** Why an integration gets nothing of this event, whatever is in it. Cheap refusals come first. */
export function refusalOf(
  event: Event,
  sourceId: string,
  integration: Integration,
  destination: Destination | undefined,
): Filtered | undefined {
  if (!integration.enabled) return filtered("integration_disabled");
  if (integration.source_ids && !integration.source_ids.includes(sourceId)) return filtered("source_not_connected");
  if (!destination) return filtered("unknown_destination", integration.destination);
  if (!isSelected(event.integrations, [integration.id, integration.name, destination.name, destination.title])) {
    return filtered("not_selected");
  }
  const purpose = integration.purpose ?? destination.purpose;
  if (allows(event.context.purposes, purpose)) return undefined;
  const { consent_pending } = event.context;
  return filtered(isRecord(consent_pending) && purpose in consent_pending ? "consent_pending" : "no_consent", purpose);
}

/** The destination's own mapping. */
export function payloadFor(
  event: Event,
  integration: Integration,
  destination: Destination,
): { payload: object } | Filtered {
  try {
    const payload = destination.map(event, integration.settings);
    return isSkip(payload) ? filtered(payload.skip, payload.detail) : { payload };
  } catch (error) {
    // Pure code fails the same way every time: one vendor's mistake must not hold up the message for the others.
    return { ...filtered("mapping_failed", String(error)), quarantined: true };
  }
}

/** What the destination's schema says against a payload; undefined where nothing. */
export function invalidPayload(payload: unknown, destination: Destination): Filtered | undefined {
  const checked = destination.payload?.safeParse(payload);
  if (!checked || checked.success) return undefined;
  const [issue] = checked.error.issues;
  const detail = `${issue!.path.join(".") || "payload"}: ${issue!.message}`.slice(0, 500);
  return { ...filtered("invalid_payload", detail), quarantined: true };
}

/** As it travels, unless it is too large to. */
export function queue(payload: unknown): Mapped {
  let payload_json: string;
  try {
    payload_json = JSON.stringify(payload);
  } catch (error) {
    return { ...filtered("mapping_failed", String(error)), quarantined: true };
  }
  const bytes = Buffer.byteLength(payload_json, "utf8");
  if (bytes > MESSAGE_BYTES - 2_048) return filtered("payload_too_large", `${bytes} bytes`);
  return { outcome: "queued", payload_json };
}

/**
 * The event's own choice, as Segment's SDKs send it: `{ "All": false, "Meta": true }`. What is not named goes by `All`, and
 * without that everybody is chosen. https://segment.com/docs/connections/spec/common/#integrations
 */
function isSelected(choices: Event["integrations"], names: string[]): boolean {
  if (!choices) return true;
  const known = new Set(names.map((name) => name.toLowerCase()));
  const own = Object.entries(choices).find(([name]) => known.has(name.toLowerCase()));
  return own ? own[1] !== false : choices.All !== false && choices.all !== false;
}

const filtered = (reason: Reason, detail?: string): Filtered =>
  detail === undefined ? { outcome: "filtered", reason } : { outcome: "filtered", reason, detail };
