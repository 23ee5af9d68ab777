/** What the live stream carries: arrays of these, as JSON (docs/live.md), and which of it a watcher asks for. */
import * as z from "zod";
import { EVENT_TYPES, type Event } from "./event.ts";
import type { Receipt } from "./receipt.ts";

/** All that are given must match; what is absent matches everything. */
export const liveFilter = z.strictObject({
  source_id: z.string().max(256).optional(),
  type: z.enum(EVENT_TYPES).optional(),
  /** A user_id or an anonymous_id. */
  user: z.string().max(256).optional(),
  integration_id: z.string().max(256).optional(),
});
export type LiveFilter = z.infer<typeof liveFilter>;

export type LiveItem =
  | { kind: "hello"; watching: number; filter: LiveFilter }
  /** The filter that holds from here on. */
  | { kind: "filter"; filter: LiveFilter }
  /** What the watcher sent cannot be read; everything stays as it was. */
  | { kind: "error"; message: string }
  /** An event as it came in, before any step. */
  | { kind: "received"; source_id: string; event: Event }
  /** An event after the processor: as it came in, as it left, and what each step did. */
  | { kind: "processed"; source_id: string; received: Event; event: Event; receipt: Receipt }
  /** One vendor request and its answer. Secrets are masked. */
  | {
      kind: "delivered";
      integration_id: string;
      integration: string;
      at: string;
      attempt: number;
      events: DeliveredEvent[];
      request: { url: string; method: string; body: string };
      response: { status: number; body: string; ms: number } | { error: string; ms: number };
    }
  /** So many items that the watcher asked for were left out since the last frame: there were too many, or the watcher is slow. */
  | { kind: "sampled"; left_out: number };

export interface DeliveredEvent {
  message_id: string;
  event: string;
  received_at: string;
  outcome: DeliveryOutcome;
  reason?: string;
}

/** What finally or for now became of an event at one integration. */
export type DeliveryOutcome = "delivered" | "retried" | "dead_lettered";

/** What filters go by. */
export interface LiveFacts {
  source_id: string;
  type: string;
  anonymous_id: string;
  user_id: string | undefined;
}

/** The ids of the events in an item; none of what is about the stream itself. */
export function messagesOf(item: LiveItem): string[] {
  if (item.kind === "received" || item.kind === "processed") return [item.event.message_id];
  return item.kind === "delivered" ? item.events.map(({ message_id }) => message_id) : [];
}

/** `factsOf` answers for events that the feed still remembers; a delivery of others matches only filters of an integration. */
export function matches(
  item: LiveItem,
  filter: LiveFilter,
  factsOf: (messageId: string) => LiveFacts | undefined,
): boolean {
  const ids = messagesOf(item);
  if (ids.length === 0) return true;
  const { integration_id, ...ofEvent } = filter;
  if (integration_id !== undefined && !concerns(item, integration_id)) return false;
  if (Object.values(ofEvent).every((wanted) => wanted === undefined)) return true;
  return ids.some((id) => {
    const facts = factsOf(id);
    return facts !== undefined && isOf(facts, ofEvent);
  });
}

function concerns(item: LiveItem, integrationId: string): boolean {
  if (item.kind === "delivered") return item.integration_id === integrationId;
  // Where a received event will go nobody knows yet.
  return (
    item.kind === "processed" &&
    item.receipt.integrations.some(({ integration_id }) => integration_id === integrationId)
  );
}

function isOf(facts: LiveFacts, { source_id, type, user }: Omit<LiveFilter, "integration_id">): boolean {
  return (
    (source_id === undefined || facts.source_id === source_id) &&
    (type === undefined || facts.type === type) &&
    (user === undefined || facts.user_id === user || facts.anonymous_id === user)
  );
}
