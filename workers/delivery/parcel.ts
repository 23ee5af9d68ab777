/** A queue message on its way through delivery. */
import { type DeliveryItem, type DeliveryMessage, deliveryMessage } from "../../core/queue-messages.ts";
import type { Outcome } from "./destination.ts";

export interface Parcel {
  message: Message;
  body: DeliveryMessage;
  outcomes: Map<DeliveryItem, Settled>;
  /** Those that were dead-lettered. */
  dead: Set<DeliveryItem>;
  /** When the vendor last accepted a request of the integration, epoch milliseconds, as far as known. */
  acceptedAt: number | null;
}

/** One event of a parcel. */
export interface Line {
  parcel: Parcel;
  item: DeliveryItem;
}

/** What is to be done with an event now. */
export type Settled =
  | Outcome
  /** Waits for the gate, which does not use up an attempt. */
  | {
      outcome: "held";
      reason: string;
      after_s: number;
      /** The integration is not well: its events wait where they hold up no other's. */
      is_unwell: boolean;
    }
  | { outcome: "filtered"; reason: "no_consent" | "consent_revoked" | "integration_disabled" | "replayed_before" }
  | { outcome: "undeliverable"; reason: "unknown_environment" | "unknown_destination"; detail: string };

/** What a queue message says, or what is wrong with it. Never throws. */
export function read(message: Message): { ok: true; parcel: Parcel } | { ok: false; problem: string } {
  try {
    const parsed = deliveryMessage.safeParse(
      typeof message.body === "string" ? JSON.parse(message.body) : message.body,
    );
    if (parsed.success)
      return {
        ok: true,
        parcel: { message, body: parsed.data, outcomes: new Map(), dead: new Set(), acceptedAt: null },
      };
    const issue = parsed.error.issues[0]!;
    return { ok: false, problem: `${issue.path.join(".") || "message"}: ${issue.message}` };
  } catch (error) {
    return { ok: false, problem: String(error) };
  }
}
