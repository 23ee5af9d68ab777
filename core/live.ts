/** What the live stream carries: arrays of these, as JSON. */
import type { Event } from "./event.ts";
import type { Receipt } from "./receipt.ts";

export type LiveItem =
  | { kind: "hello"; watching: number }
  /** An event after the processor: as it came in, as it left, and what each step did. */
  | { kind: "processed"; source_id: string; received: Event; event: Event; receipt: Receipt }
  /** One vendor request and its answer. Secrets are masked. */
  | {
      kind: "delivered";
      integration_id: string;
      integration: string;
      at: string;
      attempt: number;
      events: { message_id: string; event: string; received_at: string; outcome: DeliveryOutcome; reason?: string }[];
      request: { url: string; method: string; body: string };
      response: { status: number; body: string; ms: number } | { error: string; ms: number };
    }
  /** So many items were left out of this call. */
  | { kind: "sampled"; left_out: number };

/** What finally or for now became of an event at one integration. */
export type DeliveryOutcome = "delivered" | "retried" | "dead_lettered";
