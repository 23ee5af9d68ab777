/** What consent means for one event: what it may be used for and why, what waits for an answer, and what vendors are to limit. */
import { type Purpose, purposesOf } from "./consent.ts";
import type { Consent, EventContext } from "./event.ts";
import type { ConsentPolicy } from "./org-data-layer/consent.ts";

export type Asked = Exclude<Purpose, "functional">;
const ASKED: Asked[] = ["analytics", "marketing"];

/** Why a vendor is told to limit its use of the data. `client`: the event asked for it itself. */
export const LIMITS_OF_USE = ["gpc", "ad_user_data", "ad_personalization", "client"] as const;
export type LimitOfUse = (typeof LIMITS_OF_USE)[number];

export interface ConsentFacts {
  gpc: boolean;
  dnt: boolean;
  byDefault: "granted" | "denied";
}

export interface ConsentDecision {
  purposes: Purpose[];
  /** What is not allowed, with why: `{ marketing: "gpc" }`. */
  refused: Partial<Record<Asked, "denied" | "gpc" | "dnt" | "cookieless" | "default">>;
  /** What waits for the visitor's answer, with what holds if none comes. Those purposes are not among `purposes`. */
  pending: Partial<Record<Asked, "granted" | "denied">>;
  limits: LimitOfUse[];
}

export function decideConsent(
  context: EventContext,
  { gpc, dnt, byDefault }: ConsentFacts,
  policy: ConsentPolicy,
): ConsentDecision {
  const { consent } = context;
  // Who goes without cookies was not asked about marketing, whatever holds for others.
  const cookieless = context.cookieless === true;
  const blocks = gpc && policy.on_gpc === "block";
  const allowed = purposesOf(consent, { gpc: blocks || cookieless, dnt, byDefault });
  const pending = pendingOf(consent, { gpc, dnt }, allowed, policy);
  const purposes = allowed.filter((purpose) => pending[purpose as Asked] === undefined);
  const refused: ConsentDecision["refused"] = {};
  for (const purpose of ASKED) {
    if (allowed.includes(purpose) || pending[purpose]) continue;
    refused[purpose] = consent?.[purpose] === false ? "denied" : objectionTo(purpose, blocks, dnt, cookieless);
  }
  return { purposes, refused, pending, limits: purposes.includes("marketing") ? limitsOf(context, gpc) : [] };
}

/** An objection of the browser is an answer: there is nothing to wait for. */
function pendingOf(
  consent: Consent | undefined,
  { gpc, dnt }: { gpc: boolean; dnt: boolean },
  allowed: Purpose[],
  { hold }: ConsentPolicy,
): ConsentDecision["pending"] {
  const pending: ConsentDecision["pending"] = {};
  for (const purpose of hold?.purposes ?? []) {
    if (consent?.[purpose] !== undefined || dnt || (gpc && purpose === "marketing")) continue;
    pending[purpose] = allowed.includes(purpose) ? "granted" : "denied";
  }
  return pending;
}

function objectionTo(purpose: Asked, gpc: boolean, dnt: boolean, cookieless: boolean) {
  if (dnt) return "dnt";
  if (purpose === "marketing" && gpc) return "gpc";
  return purpose === "marketing" && cookieless ? "cookieless" : "default";
}

/** A person's own yes to marketing outranks what their browser says for them, as it does in `purposesOf`. */
function limitsOf({ consent, limited_data_use }: EventContext, gpc: boolean): LimitOfUse[] {
  const saidYes = consent?.marketing === true && consent.source?.marketing !== "consent_mode";
  const limits: LimitOfUse[] = [];
  if (gpc && !saidYes) limits.push("gpc");
  if (consent?.ad_user_data === "denied") limits.push("ad_user_data");
  if (consent?.ad_personalization === "denied") limits.push("ad_personalization");
  if (limited_data_use) limits.push("client");
  return limits;
}
