import type { Environment } from "../environment.ts";
import { type Event, event as eventSchema, keysWithin, LIMITS } from "../event.ts";
import { orgDataLayerOf } from "../org-data-layer.ts";
import { isRecord } from "../values.ts";
import { policyOf } from "./policy.ts";
import { treatEvent } from "./treat-event.ts";

/** An event that is kept aside or shown as it came: that, but for card numbers, passwords and tokens. */
export function withoutSecrets(received: Event, environment: Environment): Event {
  const { secretsOnly } = policyOf(orgDataLayerOf(environment).pii);
  const policy = { ...secretsOnly, secretsOnly, paths: { names: new Map() } };
  if (eventSchema.safeParse(received).success) return treatEvent(received, policy, undefined, []);
  // Of what is no event we know only that it has fields. One that nests too deep to be walked nobody could have stored as an event.
  if (!isRecord(received) || keysWithin(received) > LIMITS.KEYS) return received;
  return treatEvent({ ...NOBODYS, properties: received }, policy, undefined, []).properties as Event;
}

const NOBODYS = { type: "track", event: "", context: {}, properties: {} } as unknown as Event;
