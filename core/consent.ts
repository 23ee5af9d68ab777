import type { Consent } from "./event.ts";

/** Why an event may be sent somewhere. `functional` needs no consent: the customer's own systems. */
export const PURPOSES = ["functional", "analytics", "marketing"] as const;
export type Purpose = (typeof PURPOSES)[number];

/**
 * What an event may be used for. A person's own answer decides; where there is none, the browser's Global Privacy Control
 * (https://w3c.github.io/gpc/) objects to marketing and its Do Not Track to analytics too, as far as the source honours
 * them; where those are silent, the environment's default holds. What Consent Mode grants may be no more than the page's own
 * default, so an objection outranks it.
 */
export function purposesOf(
  consent: Consent | undefined,
  { gpc, dnt, byDefault }: { gpc: boolean; dnt: boolean; byDefault: "granted" | "denied" },
): Purpose[] {
  const may = (purpose: "analytics" | "marketing", objected: boolean) => {
    const isOwn = consent?.[purpose] === false || consent?.source?.[purpose] !== "consent_mode";
    if (objected && !isOwn) return false;
    return consent?.[purpose] ?? (byDefault === "granted" && !objected);
  };
  const allowed: Record<Purpose, boolean> = {
    functional: true,
    analytics: may("analytics", dnt),
    marketing: may("marketing", gpc || dnt),
  };
  return PURPOSES.filter((purpose) => allowed[purpose]);
}

/** Asked twice: before an event is queued for a vendor, and before it is sent. What is not known is not allowed. */
export function allows(purposes: readonly Purpose[] | undefined, purpose: Purpose): boolean {
  return purpose === "functional" || (purposes?.includes(purpose) ?? false);
}
