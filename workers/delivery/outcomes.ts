/** Verdicts that several vendors give in the same way: on a whole request, and on some of its events. */
import { httpOutcome, type Outcome, type VendorResponse } from "./destination.ts";

/** A vendor took nothing. Of several events one may be at fault, so they are tried by halves; one alone is refused for good. */
export function refuse(payloads: unknown[], reason: string): Outcome {
  return payloads.length > 1 ? { outcome: "batch_refused", reason } : { outcome: "rejected", reason };
}

/** HTTP's own outcome, where what is refused is the whole request. */
export function requestOutcome(response: VendorResponse, payloads: unknown[]): Outcome {
  const outcome = httpOutcome(response);
  return outcome.outcome === "rejected" ? refuse(payloads, outcome.reason) : outcome;
}

/** The vendor named those that it did not take, by their place in the request, and took the others. */
export function refuseSome(payloads: unknown[], refused: ReadonlyMap<number, string>): Outcome[] {
  return payloads.map((_, i) => {
    const reason = refused.get(i);
    return reason === undefined ? { outcome: "delivered" } : { outcome: "rejected", reason };
  });
}

const MOST_WORDS = 300;

/** A vendor's words, without what is long enough to be a token that they quote, or somebody's hash. */
export function words(said: unknown): string {
  return (typeof said === "string" ? said : JSON.stringify(said ?? ""))
    .replace(/[\w-]{40,}/g, "…")
    .slice(0, MOST_WORDS);
}
