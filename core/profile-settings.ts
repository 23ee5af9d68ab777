/** What an environment says about people: who is one, what follows from their events, and what they are found by. */
import * as z from "zod";
import { computedTraits } from "./computed-traits.ts";
import { identityRules } from "./identity-rules.ts";

export const profileSettings = z.object({
  identity: identityRules.prefault({}),
  computed_traits: computedTraits,
  /** Traits that search finds a person by, beside e-mail, names, phone and company. */
  searchable_traits: z.array(z.string().min(1).max(256)).max(5).default([]),
});
export type ProfileSettings = z.infer<typeof profileSettings>;
