import { type Asked, type ConsentDecision, decideConsent } from "../../../core/consent-decision.ts";
import type { Event } from "../../../core/event.ts";
import { without } from "../../../core/field-path.ts";
import type { ConsentPolicy } from "../../../core/org-data-layer/consent.ts";
import { orgDataLayerOf } from "../../../core/org-data-layer.ts";
import { keep, type ShardStep, type Step } from "../step.ts";

/**
 * Writes down what the event may be used for, and every integration is judged by that (`context.purposes`); what waits for an answer
 * (`context.consent_pending`); and what vendors are told to limit (`context.limited_data_use`). Strips the fields for which nobody
 * consented. `context.consent` stays what the person said: a default must never reach a vendor as somebody's answer.
 *
 * Before the shard, whose answer plays no part in it: so the lake knows what each event may be used for, and holds nothing that was to
 * be stripped.
 */
export const enforceConsent: Step = {
  name: "enforce_consent",
  run(event, { environment, request }) {
    const policy = orgDataLayerOf(environment).consent;
    const facts = {
      gpc: request.gpc === true,
      dnt: request.dnt === true,
      byDefault: environment.consent_default,
    };
    const { purposes, refused, pending, limits } = decideConsent(event.context, facts, policy);
    const { consent_pending: _, limited_data_use: claimed, ...rest } = event.context;
    const context: Event["context"] = { ...rest, purposes };
    const changed = ["context.purposes"];
    if (hasKeys(pending)) {
      context.consent_pending = pending;
      changed.push("context.consent_pending");
    }
    if (limits.length) context.limited_data_use = limits;
    if (limits.length || claimed !== undefined) changed.push("context.limited_data_use");
    const decided = strip({ ...event, context }, policy, changed, (purpose) => refused[purpose] !== undefined);
    return keep(decided, changed, said(refused, pending));
  },
};

/** Strips on the way to the integrations what they may not have while an answer is awaited. What is held keeps it for later. */
export const stripPending: ShardStep = {
  name: "strip_pending",
  run: (event, context) => (event.context.consent_pending ? stripRefused.run(event, context) : keep(event)),
};

/** Strips what the event's purposes do not allow. */
export const stripRefused: Step = {
  name: "strip_refused",
  run(event, { environment }) {
    const { purposes = [] } = event.context;
    const changed: string[] = [];
    const { consent } = orgDataLayerOf(environment);
    const stripped = strip(event, consent, changed, (purpose) => !purposes.includes(purpose));
    return keep(stripped, changed);
  },
};

function strip(event: Event, policy: ConsentPolicy, gone: string[], isRefused: (purpose: Asked) => boolean): Event {
  let stripped = event;
  for (const { path, unless } of policy.strip) {
    if (isRefused(unless)) stripped = without(stripped, path.split("."), gone);
  }
  return stripped;
}

/** For the receipt: `marketing: gpc; analytics: waits for an answer`. */
function said(refused: ConsentDecision["refused"], pending: ConsentDecision["pending"]): string | undefined {
  const parts = [
    ...Object.entries(refused).map(([purpose, why]) => `${purpose}: ${why}`),
    ...Object.keys(pending).map((purpose) => `${purpose}: waits for an answer`),
  ];
  return parts.length ? parts.join("; ") : undefined;
}

const hasKeys = (value: object) => {
  for (const _ in value) return true;
  return false;
};
