import { orgDataLayerOf } from "../../../core/org-data-layer.ts";
import { policyOf } from "../../../core/pii/policy.ts";
import { treatEvent } from "../../../core/pii/treat-event.ts";
import { keep, type Step } from "../step.ts";

/** Personal data as the policy says; card numbers, passwords and tokens go in any case. */
export const classifyPii: Step = {
  name: "classify_pii",
  run(event, { environment, pii_keys }) {
    const changed: string[] = [];
    return keep(treatEvent(event, policyOf(orgDataLayerOf(environment).pii), pii_keys, changed), changed);
  },
};
