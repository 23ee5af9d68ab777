/**
 * What a profile wants to know of an event: small, because a shard stores it until the profile is saved. Only people who
 * said who they are have profiles: an event needs a user id, or is an identify or alias with an e-mail address or phone.
 */
import { aggregateKey, type ComputedTrait, valueFor } from "./computed-traits.ts";
import type { Consent, Event, EventType } from "./event.ts";
import { identifiersOfEvent } from "./identifiers-of-event.ts";
import { type Edge, type Identifier, messageKey } from "./identity-graph.ts";
import type { IdentityReason, IdentityRules } from "./identity-rules.ts";
import { type Campaign, visitOf } from "./session.ts";
import { defined, record, type Scalar } from "./values.ts";

/** What brought a person: of an event with a campaign, or of a view. Pages without their query. */
export interface Touch {
  campaign?: Omit<Campaign, "key">;
  referrer?: string;
  page?: string;
  /** By a campaign, a click on an ad, or a link on another host; not typed in, and not from page to page. */
  is_referred?: true;
}

export type Answer = Pick<Consent, "analytics" | "marketing" | "ad_user_data" | "ad_personalization">;

export interface ProfileEvent {
  /** Which profile it is part of, and the shard that profile began in: the user id, else e-mail, else phone. */
  home: Identifier;
  edges: Edge[];
  message_id: string;
  source_id: string;
  /** Epoch milliseconds, never later than the receipt. */
  at: number;
  type: EventType;
  event: string;
  traits?: Record<string, unknown>;
  touch?: Touch;
  /** What brought the visitor first, before they said who they are: VisitorShard knows. */
  first_touch?: { at: number; message_id: string; touch: Touch };
  consent?: Answer;
  /** By aggregateKey. */
  computed?: [key: string, value: Scalar][];
  /** Why identifiers that the event carries are not used. */
  refused?: IdentityReason[];
}

/** Undefined where the event is an anonymous visitor's, or its ids cannot be used. */
export function profileEventOf(
  event: Event,
  source_id: string,
  rules: IdentityRules,
  declared: readonly ComputedTrait[],
): ProfileEvent | undefined {
  return readProfileEvent(event, source_id, rules, declared).found;
}

/** The same, with the reasons why identifiers that the event carries are not used, also where none is left. */
export function readProfileEvent(
  event: Event,
  source_id: string,
  rules: IdentityRules,
  declared: readonly ComputedTrait[],
): { found?: ProfileEvent; refused: IdentityReason[] } {
  if (event.user_id === undefined && event.type !== "identify" && event.type !== "alias") return { refused: [] };
  const said = identifiersOfEvent(event, source_id, rules);
  const { identifiers, edges } = said;
  const refused = [...new Set(said.refused.map(({ reason }) => reason))];
  // Of an alias the earlier user id stands last: who the person is now comes first.
  const home = HOMES.map((kind) => identifiers.find((one) => one.kind === kind)).find((one) => one !== undefined);
  if (!home) return { refused };
  const computed = new Map<string, Scalar>();
  for (const trait of declared) {
    const value = valueFor(trait, event);
    if (value !== undefined) computed.set(aggregateKey(trait), value);
  }
  const found: ProfileEvent = {
    home,
    edges,
    message_id: messageKey(event.message_id),
    source_id,
    at: Math.min(Date.parse(event.timestamp), Date.parse(event.received_at)),
    type: event.type,
    event: event.event,
    ...defined({ traits: traitsOf(event), touch: touchOf(event), consent: answerOf(event.context.consent) }),
    ...(computed.size && { computed: [...computed] }),
    ...(refused.length && { refused }),
  };
  return { found, refused };
}

/** The kinds that a profile can begin with, the surest first. */
export const HOMES = ["user_id", "email", "phone"] as const;

/** A group's traits are a company's. */
function traitsOf({ type, traits, context }: Event): Record<string, unknown> | undefined {
  // By entries: one named __proto__ is a trait like any other.
  const all = [...Object.entries(record(context.traits)), ...Object.entries(type === "group" ? {} : (traits ?? {}))];
  return all.length ? Object.fromEntries(all) : undefined;
}

function touchOf(event: Event): Touch | undefined {
  const { kind, campaign, referrer, page } = visitOf(event);
  if (kind !== "view" && !campaign) return undefined;
  const { key: _, ...named } = campaign ?? { key: "" };
  const host = hostOf(event.context.page?.url);
  const isLinked = referrer !== undefined && hostOf(referrer) !== undefined && hostOf(referrer) !== host;
  return {
    ...defined({ referrer, page }),
    ...(campaign && { campaign: named }),
    ...((campaign || isLinked) && { is_referred: true as const }),
  };
}

function hostOf(address: string | undefined): string | undefined {
  return address === undefined ? undefined : URL.parse(address)?.host;
}

function answerOf(consent: Consent | undefined): Answer | undefined {
  const { analytics, marketing, ad_user_data, ad_personalization } = consent ?? {};
  const answer = defined({ analytics, marketing, ad_user_data, ad_personalization });
  return Object.keys(answer).length ? answer : undefined;
}
