/** A shard against the pure rules: whatever comes, in whatever order, and whatever is evicted or goes to the lake in between. */
import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { expect, it } from "vitest";
import { addToSession, placeInSession, type Session, type Visit } from "../core/session.ts";
import { anEvent } from "../test/an-event.ts";
import { summaryOf } from "./visitor-facts.ts";
import type { ShardEvent } from "./visitor-shard.ts";

const MINUTE = 60_000;
const START = Date.now() - 48 * 60 * MINUTE;
const TIMEOUT_MS = 30 * MINUTE;
const VISITORS = ["ann", "bob", "hash-1", "hash-2"];

/** What is known of visitors, as plain values. */
class Rules {
  readonly #seen = new Map<string, { delivery: string; answer: object }>();
  readonly visitors = new Map<
    string,
    { sessions: Session[]; final: Session[]; last_number: number; vendor_ids: Record<string, string>; gone?: true }
  >();
  sessions = 0;
  events = 0;

  answer(event: ShardEvent): object {
    const { message_id, delivery, anonymous_id, at, visit = { kind: "other" }, previous_id } = event;
    const seen = this.#seen.get(message_id);
    if (seen && seen.delivery !== delivery) return { verdict: "duplicate" };
    if (seen) return { ...seen.answer, verdict: "redelivered" };
    const previous = previous_id === undefined ? undefined : this.visitors.get(previous_id);
    if (previous && !previous.gone && !this.visitors.has(anonymous_id)) {
      const opened = (session: Session) => ({ ...session, opened_by: session.opened_by ?? previous_id! });
      this.visitors.set(anonymous_id, { ...previous, final: [], sessions: previous.sessions.map(opened) });
      this.visitors.set(previous_id!, { ...previous, sessions: [], vendor_ids: {}, gone: true });
    }
    const known = this.visitors.get(anonymous_id) ?? { sessions: [], final: [], last_number: 0, vendor_ids: {} };
    const place = placeInSession(known.sessions, known.last_number, at, TIMEOUT_MS);
    const { sessions, session, final } = addToSession(known.sessions, place, at, visit);
    const vendor_ids = { ...known.vendor_ids, ...event.vendor_ids };
    const last_number = Math.max(known.last_number, place.number);
    this.visitors.set(anonymous_id, { sessions, final: [...known.final, ...final], last_number, vendor_ids });
    this.events++;
    if (place.isNew) this.sessions++;
    const { id } = summaryOf(anonymous_id, session);
    const told = { id, number: place.number, started_at: new Date(place.opened).toISOString(), is_new: place.isNew };
    const answer = { session: { ...told, ...(session.entry && { entry_page: session.entry.page }) }, vendor_ids };
    this.#seen.set(message_id, { delivery, answer });
    return { ...answer, verdict: "new" };
  }
}

const anEventAtRandom = fc.record({
  /** Few, so that many come again. */
  id: fc.nat(60),
  copy: fc.nat(4),
  visitor: fc.nat(3),
  minute: fc.integer({ min: 0, max: 40 * 60 }),
  kind: fc.constantFrom<Visit["kind"]>("view", "action", "other"),
  page: fc.constantFrom("/", "/a", "/b"),
  fbp: fc.option(fc.nat(5), { nil: undefined }),
  takesOver: fc.boolean(),
});
const aStep = fc.oneof(
  { weight: 8, arbitrary: fc.array(anEventAtRandom, { minLength: 1, maxLength: 6 }) },
  { weight: 2, arbitrary: fc.constant("evict" as const) },
  { weight: 1, arbitrary: fc.constant("flush" as const) },
);

let shards = 0;

it("answers as the rules say, and knows in the end what they know", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(aStep, { minLength: 5, maxLength: 40 }), async (steps) => {
      const shard = env.VISITOR_SHARD.getByName(`env_rules/s${shards++}`);
      const rules = new Rules();
      for (const step of steps) {
        if (step === "flush") await shard.flush();
        else if (step === "evict") {
          await shard.stats();
          await evictDurableObject(shard);
        } else {
          const events = step.map((one): ShardEvent => {
            const anonymous_id = VISITORS[one.visitor]!;
            return {
              message_id: `m${one.id}`,
              anonymous_id,
              at: START + one.minute * MINUTE,
              // Most of those that come again do so in another message.
              delivery: one.copy === 0 ? `q-${one.id}:0` : `q-${one.id}-${one.copy}:0`,
              vendor_ids: one.fbp === undefined ? {} : { fbp: `fb.1.${one.fbp}` },
              visit: one.kind === "view" ? { kind: "view", page: one.page } : { kind: one.kind },
              previous_id: one.takesOver && !anonymous_id.startsWith("hash") ? `hash-${one.visitor + 1}` : undefined,
            };
          });
          const lines = events.map((event) =>
            JSON.stringify({ source_id: "src", event: anEvent(event as never), receipt: { steps: [] } }),
          );
          const answers = await shard.apply({ events, lines, session_timeout_ms: TIMEOUT_MS, now: Date.now() });
          expect(answers).toEqual(events.map((event) => rules.answer(event)));
        }
      }
      await shard.stats();
      await evictDurableObject(shard);
      const people = [...rules.visitors.values()].filter(({ gone }) => !gone);
      expect(await shard.stats()).toMatchObject({
        events: rules.events,
        sessions: rules.sessions,
        visitors: people.length,
      });
      for (const [id, { sessions, final, vendor_ids }] of rules.visitors) {
        const all = [...sessions, ...final].map((session) => summaryOf(id, session));
        const told = (await shard.sessions(id)).map(({ is_final: _, ...session }) => session);
        expect(told.sort((a, b) => a.number - b.number)).toEqual(all.sort((a, b) => a.number - b.number));
        expect(await shard.vendorIds(id)).toEqual(vendor_ids);
      }
    }),
    { numRuns: 40 },
  );
}, 120_000);
