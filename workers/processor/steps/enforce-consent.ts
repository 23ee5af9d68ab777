import { purposesOf } from "../../../core/consent.ts";
import { keep, type ShardStep } from "../step.ts";

/**
 * Writes down what the event may be used for; every integration is judged by that. `context.consent` stays what the person
 * said: a default must never reach a vendor as somebody's answer.
 */
export const enforceConsent: ShardStep = {
  name: "enforce_consent",
  run(event, { environment, request }) {
    // Who goes without cookies was not asked about marketing, whatever holds for others.
    const gpc = request.gpc === true || event.context.cookieless === true;
    const rules = { gpc, dnt: request.dnt === true, byDefault: environment.consent_default };
    const purposes = purposesOf(event.context.consent, rules);
    return keep({ ...event, context: { ...event.context, purposes } }, ["context.purposes"]);
  },
};
