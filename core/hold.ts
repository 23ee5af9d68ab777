/**
 * Events that are held for their visitor's answer: what waits, what an answer does to it, and what is left when nobody answers. Where and
 * how they are kept is the shard's (durable-objects/held-events.ts).
 */
import { PURPOSES, type Purpose } from "./consent.ts";
import type { Asked } from "./consent-decision.ts";
import type { Consent, Event } from "./event.ts";
import type { ConsentPolicy } from "./org-data-layer/consent.ts";

export type Pending = Partial<Record<Asked, "granted" | "denied">>;
/** What a visitor said, as far as it can release anything. */
export type Answer = Pick<Consent, "analytics" | "marketing" | "ad_user_data" | "ad_personalization">;

export interface Hold {
  /** The purposes that wait, each with what holds by default. */
  pending: Pending;
  /** Epoch milliseconds. */
  until: number;
  /** Events of one visitor at once. */
  most: number;
  unanswered: "default" | "drop";
}

/** What the shard must know of an event where the environment holds events; nothing where it does not. `now` in milliseconds. */
export function holdFacts(event: Event, { hold }: ConsentPolicy, now: number): { hold?: Hold; answer?: Answer } {
  if (!hold) return {};
  const { consent, consent_pending } = event.context;
  const facts: { hold?: Hold; answer?: Answer } = {};
  if (consent_pending) {
    const { for_s, most, unanswered } = hold;
    facts.hold = { pending: consent_pending as Pending, until: now + for_s * 1_000, most, unanswered };
  }
  if (consent?.analytics !== undefined || consent?.marketing !== undefined) {
    const { analytics, marketing, ad_user_data, ad_personalization } = consent;
    facts.answer = {
      ...(analytics !== undefined && { analytics }),
      ...(marketing !== undefined && { marketing }),
      ...(ad_user_data && { ad_user_data }),
      ...(ad_personalization && { ad_personalization }),
    };
  }
  return facts;
}

export interface Settled {
  granted: Asked[];
  denied: Asked[];
  /** What still waits; empty: nothing. */
  left: Pending;
}

/** What an answer settles of what waits. */
export function settledBy(answer: Answer, pending: Pending): Settled {
  const settled: Settled = { granted: [], denied: [], left: {} };
  for (const purpose of Object.keys(pending) as Asked[]) {
    const said = answer[purpose];
    if (said === undefined) settled.left[purpose] = pending[purpose]!;
    else (said ? settled.granted : settled.denied).push(purpose);
  }
  return settled;
}

/** What holds when nobody answered. */
export function settledByDefault(pending: Pending): Settled {
  const settled: Settled = { granted: [], denied: [], left: {} };
  for (const purpose of Object.keys(pending) as Asked[]) {
    (pending[purpose] === "granted" ? settled.granted : settled.denied).push(purpose);
  }
  return settled;
}

/** The event as it goes on when it is released: with the answer, if there is one, and the purposes that it grants. */
export function releasedEvent(event: Event, granted: readonly Asked[], answer: Answer | undefined): Event {
  const { consent_pending: _, ...context } = event.context;
  const allowed = new Set<Purpose>([...(context.purposes ?? []), ...granted]);
  const limits = new Set(Array.isArray(context.limited_data_use) ? context.limited_data_use : []);
  if (allowed.has("marketing")) {
    for (const name of ["ad_user_data", "ad_personalization"] as const)
      if (answer?.[name] === "denied") limits.add(name);
  }
  return {
    ...event,
    context: {
      ...context,
      ...(answer && { consent: { ...context.consent, ...answer } }),
      purposes: PURPOSES.filter((purpose) => allowed.has(purpose)),
      ...(limits.size && { limited_data_use: [...limits] }),
    },
  };
}
