import type { Consent } from "./event.ts";

/** Why an event may be sent somewhere. `functional` needs no consent: the customer's own systems. */
export const PURPOSES = ["functional", "analytics", "marketing"] as const;
export type Purpose = (typeof PURPOSES)[number];

/**
 * What an event may be used for. A person's own answer decides; where there is none, the browser's Global Privacy Control
 * (https://w3c.github.io/gpc/) objects to marketing; where that is silent too, the environment's default holds.
 */
export function purposesOf(
  consent: Consent | undefined,
  { gpc, byDefault }: { gpc: boolean; byDefault: "granted" | "denied" },
): Purpose[] {
  const granted = byDefault === "granted";
  const allowed: Record<Purpose, boolean> = {
    functional: true,
    analytics: consent?.analytics ?? granted,
    marketing: consent?.marketing ?? (granted && !gpc),
  };
  return PURPOSES.filter((purpose) => allowed[purpose]);
}

/** Asked twice: before an event is queued for a vendor, and before it is sent. What is not known is not allowed. */
export function allows(purposes: readonly Purpose[] | undefined, purpose: Purpose): boolean {
  return purpose === "functional" || (purposes?.includes(purpose) ?? false);
}
