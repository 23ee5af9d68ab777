/** People as they come out by the pure rules alone, from all events at once; and events at random of people who often meet. */
import fc from "fast-check";
import type { ComputedTrait } from "../core/computed-traits.ts";
import type { Environment } from "../core/environment.ts";
import type { Event } from "../core/event.ts";
import { canonicalIn, type Edge, identifierOf, keyOf, personIdOf, resolve } from "../core/identity-graph.ts";
import { Profile } from "../core/profile.ts";
import { profileEventOf } from "../core/profile-event.ts";
import { anEvent } from "./an-event.ts";

/** Every person with their profile, by id. `keys`: whoever has a part. */
export function peopleByRules({ profiles }: Pick<Environment, "profiles">, events: Event[]) {
  const found = events.flatMap(
    (event) => profileEventOf(event, "src_test", profiles.identity, profiles.computed_traits) ?? [],
  );
  const edges: Edge[] = found.flatMap((event) => event.edges);
  const resolution = resolve(edges, [], profiles.identity);
  const parts = new Map<string, Profile>();
  for (const event of found) {
    const key = keyOf(event.home);
    const part = parts.get(key) ?? new Profile();
    parts.set(key, part);
    part.add(event);
  }
  const idOf = (key: string) => personIdOf(canonicalIn(resolution, identifierOf(key)));
  const people = new Map<string, Profile>();
  for (const [key, part] of parts) {
    const whole = people.get(idOf(key)) ?? new Profile();
    people.set(idOf(key), whole);
    whole.join(part);
  }
  return { keys: [...parts.keys()], people, idOf };
}

export const COMPUTED: ComputedTrait[] = [
  { name: "orders", kind: "count", event: "Order Completed" },
  { name: "spent", kind: "sum", event: "Order Completed", property: "value" },
];

/** Few names, so that they meet often: logins on shared devices, addresses of two people, aliases in circles. All of the six hours before `now`. */
export function someEvents(now: number, maxLength = 14): fc.Arbitrary<Event[]> {
  const one = fc.record({
    user: fc.option(fc.constantFrom("u1", "u2", "u3", "u4", "null"), { nil: undefined }),
    device: fc.constantFrom("a1", "a2", "a3", "a4"),
    email: fc.option(fc.constantFrom("x@shop.example", "y@shop.example", "z@shop.example"), { nil: undefined }),
    kind: fc.constantFrom<Event["type"]>("identify", "track", "alias"),
    previous: fc.constantFrom("u1", "u2", "a1", "a2"),
    minute: fc.integer({ min: 0, max: 300 }),
    plan: fc.option(fc.constantFrom("free", "pro"), { nil: undefined }),
    value: fc.integer({ min: 1, max: 50 }),
  });
  return fc.array(one, { minLength: 1, maxLength }).map((all) =>
    all.map(({ user, device, email, kind, previous, minute, plan, value }) => {
      const at = new Date(now - 6 * 3_600_000 + minute * 60_000).toISOString();
      return anEvent({
        type: kind,
        event: kind === "track" ? "Order Completed" : kind,
        anonymous_id: device,
        ...(user && { user_id: user }),
        ...(kind === "alias" && { previous_id: previous }),
        ...(kind === "identify" && { traits: { ...(email && { email }), ...(plan && { plan }) } }),
        properties: kind === "track" ? { value } : {},
        timestamp: at,
        received_at: at,
      });
    }),
  );
}
