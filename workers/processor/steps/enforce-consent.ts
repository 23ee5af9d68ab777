import { purposesOf } from "../../../core/consent.ts";
import { keep, type ShardStep } from "../step.ts";

/**
 * Writes down what the event may be used for; every integration is judged by that. `context.consent` stays what the person
 * said: a default must never reach a vendor as somebody's answer.
 */
export const enforceConsent: ShardStep = {
  name: "enforce_consent",
  run(event, { environment, request }) {
    const rules = { gpc: request.gpc === true, byDefault: environment.consent_default };
    const purposes = purposesOf(event.context.consent, rules);
    return keep({ ...event, context: { ...event.context, purposes } }, ["context.purposes"]);
  },
};
