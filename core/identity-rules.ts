/**
 * What an environment says about identity, and every reason that it may be given for a link that was not made. The
 * defaults are good: an empty object is a good set of rules.
 */
import * as z from "zod";

/** Segment's name for an identifier of the customer's own is an external id; so is ours. `external:loyalty_card`. */
const externalName = z.string().regex(/^[a-z][a-z0-9_]{0,31}$/, "small letters, digits and _, at most 32");

const cap = (byDefault: number) => z.int().min(1).max(1_000).default(byDefault);

const words = z.array(z.string().min(1).max(256)).max(1_000).default([]);

/**
 * How many ids of a kind one person may have. Segment Unify's limits are 1 `user_id` and 5 of everything else
 * (https://segment.com/docs/unify/identity-resolution/identity-resolution-onboarding/#limit), some of them by the week
 * or year; ours hold for ever, so they are wider: Safari forgets a script's cookie after seven days, and a year of that
 * is 52 anonymous ids.
 */
const caps = z.object({
  /** More than one only where somebody merged them: nothing else ever joins two. */
  user_id: cap(5),
  anonymous_id: cap(100),
  email: cap(10),
  phone: cap(10),
  device_id: cap(100),
  /** Of each external id by itself. */
  external: cap(20),
});
export type Caps = z.infer<typeof caps>;

export const identityRules = z.object({
  caps: caps.prefault({}),
  /**
   * Values that are nobody's here, beside those that are nobody's anywhere (denied-identifiers.ts). E-mail and phone in
   * clear.
   */
  denied: z
    .object({ user_id: words, anonymous_id: words, email: words, phone: words, device_id: words, external: words })
    .prefault({}),
  /**
   * Identifiers of the customer's own. `trait` is where identify carries it; `context.external_ids` may carry it
   * anyway.
   */
  external_ids: z
    .array(z.object({ name: externalName, trait: z.string().min(1).max(256).optional() }))
    .max(20)
    .default([]),
});
export type IdentityRules = z.infer<typeof identityRules>;

/** Why an identifier, or the link between two, is not used. The event that carried it goes on as it is. */
export const IDENTITY_REASONS = {
  denied_identifier: "The value is a placeholder that many people share, such as null, guest or 0.",
  malformed_identifier:
    "The value cannot be such an identifier: empty, control characters, a phone without country code.",
  too_long_identifier: "The value is longer than 256 characters, or 512 bytes.",
  undeclared_external_id: "No external id of that name is declared for this environment.",
  too_many_external_ids: "The event carries more external ids than are read.",
  self_alias: "An id was to become an alias of itself.",
  alias_without_previous_id: "An alias must say which earlier id it is about.",
  no_identifier: "The event carries no identifier that can be used.",
  two_people:
    "Both sides have a user id already: a shared device or address. Only an alias of two user ids, or a merge, joins them.",
  too_many_ids: "One person would have more ids of a kind than the environment allows.",
  shared_by_too_many: "The identifier was seen with so many people that it says nothing about any of them.",
  cluster_full: "Too many ids are connected here; only the tightest and earliest links are kept.",
  too_many_cancellations: "So many links were undone here that the ids themselves must be denied instead.",
} as const;
export type IdentityReason = keyof typeof IDENTITY_REASONS;
