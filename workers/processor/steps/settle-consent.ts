import { keep, type ShardStep } from "../step.ts";

/** Fills in the environment's default for purposes that nobody asked about. Each integration is judged by the result. */
export const settleConsent: ShardStep = {
  name: "settle_consent",
  run(event, { environment }) {
    const { analytics, marketing } = event.context.consent ?? {};
    if (analytics !== undefined && marketing !== undefined) return keep(event);
    const granted = environment.consent_default === "granted";
    const consent = { analytics: analytics ?? granted, marketing: marketing ?? granted };
    return keep({ ...event, context: { ...event.context, consent } }, ["context.consent"]);
  },
};
