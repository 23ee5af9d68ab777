/** What happens to profiles, as whoever asked for it hears of it. */
import * as z from "zod";
import type { Event } from "./event.ts";

export const PROFILE_CHANGES = ["created", "updated", "merged", "deleted"] as const;
export const profileChangeKind = z.enum(PROFILE_CHANGES);
export type ProfileChangeKind = z.infer<typeof profileChangeKind>;

export const profileChange = z.object({
  kind: profileChangeKind,
  person_id: z.string(),
  /** An identifier that leads to the person: `user_id u1`. */
  key: z.string(),
  /** The event that it follows from, or the call of the API. */
  cause: z.string(),
  /** ISO 8601. */
  at: z.iso.datetime(),
});
export type ProfileChange = z.infer<typeof profileChange>;

/** Queue `profile-events`. JSON text. */
export const profileChangesMessage = z.object({
  v: z.literal(1),
  environment_id: z.string(),
  changes: z.array(profileChange).min(1),
});

/**
 * A change as an event like any other, for destinations. Its id follows from what caused it, so that the same change told twice is one
 * event; it says nothing of consent, which is the person's, and goes to whom the customer's own settings name.
 */
export function eventOfChange(change: ProfileChange, traits: Record<string, unknown>, receivedAt: string): Event {
  const { kind, person_id, key, cause, at } = change;
  const end = key.indexOf(" ");
  const [identifier, value] = [key.slice(0, end), key.slice(end + 1)];
  return {
    message_id: `profile.${kind}:${person_id}:${cause}`.slice(0, 256),
    anonymous_id: person_id,
    ...(identifier === "user_id" && { user_id: value }),
    type: "track",
    event: `profile.${kind}`,
    properties: { person_id, traits },
    context: { traits, purposes: ["functional", "analytics", "marketing"] },
    timestamp: at,
    received_at: receivedAt,
  };
}
