// https://developers.acme.example/events-api
import * as z from "zod";
import type { Event } from "../../../core/event.ts";
import { defined } from "../../../core/values.ts";
import {
  defineDestination,
  eventTime,
  httpOutcome,
  isSkip,
  type Outcome,
  type Skip,
  secret,
  skip,
} from "../../../workers/delivery/destination.ts";
import { acmeExamples } from "./acme.examples.ts";

const settings = z.object({
  /** Which of the customer's accounts. Shown in forms and to `map`; what is marked `secret()` is neither. */
  account_id: z.string().regex(/^[\w-]+$/, "an account id is letters, digits, _ and -"),
  api_key: secret(),
});
export type AcmeSettings = z.infer<typeof settings>;

export interface AcmeEvent {
  /** What the vendor recognises a repetition by: every delivery may happen twice. */
  id: string;
  name: string;
  /** Unix seconds. */
  time: number;
  visitor: string;
  user?: string;
  properties: Record<string, unknown>;
}

/** The age from which the vendor refuses events. */
const OLDEST_HOURS = 7 * 24;

export const acme = defineDestination<AcmeSettings, AcmeEvent>({
  name: "acme",
  title: "Acme",
  purpose: "analytics",
  settings,
  exampleSettings: { account_id: "acc-1", api_key: "example-api-key" },
  limits: { eventsPerRequest: 100, requestsPerSecond: 10, giveUpAfterHours: OLDEST_HOURS, timeoutMs: 10_000 },

  map(event): AcmeEvent | Skip {
    const name = nameOf(event);
    if (name === undefined) return skip("event_not_mapped", `Acme has no event for "${event.type}"`);
    const time = eventTime(event, OLDEST_HOURS);
    if (isSkip(time)) return time;
    return {
      id: event.message_id,
      name,
      time: Math.floor(time.getTime() / 1_000),
      visitor: event.anonymous_id,
      ...defined({ user: event.user_id }),
      properties: event.properties,
    };
  },

  request: (payloads, { account_id, api_key }) => ({
    url: `https://api.acme.example/v1/accounts/${account_id}/events`,
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${api_key}` },
    body: JSON.stringify({ events: payloads }),
  }),

  /** A request that is refused for one of its events is halved by the engine until that one stands alone. */
  outcome(response, payloads): Outcome {
    const outcome = httpOutcome(response);
    return outcome.outcome === "rejected" && payloads.length > 1 ? { ...outcome, outcome: "batch_refused" } : outcome;
  },

  examples: acmeExamples,
});

function nameOf(event: Event): string | undefined {
  if (event.type === "track") return event.event;
  if (event.type === "page" || event.type === "screen") return `${event.type}_viewed`;
  return event.type === "identify" && event.user_id !== undefined ? "identified" : undefined;
}
