import type { Environment } from "../environment.ts";
import { type Event, event as eventSchema } from "../event.ts";
import { orgDataLayerOf } from "../org-data-layer.ts";
import { policyOf } from "./policy.ts";
import { treatEvent } from "./treat-event.ts";

/**
 * An event that is kept aside or shown as it came: that, but for card numbers, passwords and tokens. What is no event comes back as it
 * is: whoever sent it meant none.
 */
export function withoutSecrets(received: Event, environment: Environment): Event {
  if (!eventSchema.safeParse(received).success) return received;
  const { secretsOnly } = policyOf(orgDataLayerOf(environment).pii);
  return treatEvent(received, { ...secretsOnly, secretsOnly, paths: { names: new Map() } }, undefined, []);
}
