import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { expect, it } from "vitest";
import { type Answer, type Pending, settledBy, settledByDefault } from "../core/hold.ts";
import { HeldEvents } from "./held-events.ts";
import type { ShardFacts } from "./visitor-facts.ts";

const FACTS: ShardFacts = {
  session: { id: "s.1", number: 1, started_at: "2026-11-20T10:00:00.000Z", is_new: false },
  vendor_ids: {},
};

type Op =
  | { do: "hold"; visitor: string; pending: Pending; for: number; most: number; drops: boolean }
  | { do: "answer"; visitor: string; answer: Answer }
  | { do: "restart" }
  | { do: "pass"; time: number }
  /** The queue brings every release, `twice` in the same message; the first time the consumer may die before it settles. */
  | { do: "deliver"; dies: boolean };

const said = fc.constantFrom("granted" as const, "denied" as const);
const visitor = fc.constantFrom("a", "b");
const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("hold" as const),
      visitor,
      pending: fc.oneof(fc.record({ marketing: said }), fc.record({ analytics: said, marketing: said })),
      for: fc.constantFrom(5, 50),
      most: fc.constantFrom(2, 50),
      drops: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("answer" as const),
      visitor,
      answer: fc.oneof(
        fc.record({ marketing: fc.boolean() }),
        fc.record({ analytics: fc.boolean() }),
        fc.record({ analytics: fc.boolean(), marketing: fc.boolean() }),
      ),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ do: "restart" as const }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("pass" as const), time: fc.constantFrom(1, 10, 60) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("deliver" as const), dies: fc.boolean() }) },
);

/** What should have gone on, by the rules alone: `event purpose`. */
class Model {
  readonly sent: string[] = [];
  waiting: { id: string; visitor: string; pending: Pending; until: number; drops: boolean }[] = [];
  answers = new Map<string, Answer>();

  hold(id: string, { visitor, pending, for: time, most, drops }: Op & { do: "hold" }, now: number): void {
    const isFull = this.waiting.filter((one) => one.visitor === visitor).length >= most;
    this.waiting.push({ id, visitor, pending, until: now + time, drops });
    const known = this.answers.get(visitor);
    if (known) this.answer(visitor, known, id);
    if (isFull) this.expire((one) => one.id === id);
  }

  answer(visitor: string, answer: Answer, only?: string): void {
    this.waiting = this.waiting.flatMap((one) => {
      if (one.visitor !== visitor || (only !== undefined && one.id !== only)) return [one];
      const { granted, left } = settledBy(answer, one.pending);
      this.sent.push(...granted.map((purpose) => `${one.id} ${purpose}`));
      return Object.keys(left).length ? [{ ...one, pending: left }] : [];
    });
  }

  expire(isOver: (one: Model["waiting"][number]) => boolean): void {
    for (const { id, pending, drops } of this.waiting.filter(isOver)) {
      if (!drops) this.sent.push(...settledByDefault(pending).granted.map((purpose) => `${id} ${purpose}`));
    }
    this.waiting = this.waiting.filter((one) => !isOver(one));
  }
}

it("sends on what the rules say, each once, whatever comes when, restarts and redelivers", async () => {
  const shard = env.VISITOR_SHARD.getByName("env_held_model/s0");
  await runInDurableObject(shard, (_, { storage }) => {
    fc.assert(
      fc.property(fc.array(op, { maxLength: 40 }), (ops) => {
        for (const table of ["held", "releases", "held_counts"]) storage.sql.exec(`DELETE FROM ${table}`);
        const model = new Model();
        const sent: string[] = [];
        let held = new HeldEvents(storage.sql);
        let now = 1_000_000_000;
        let n = 0;
        const event = (given: object) => ({ message_id: `m${n++}`, at: now, delivery: "", vendor_ids: {}, ...given });
        const deliver = (dies: boolean) => {
          const releases = held.unsent(now);
          held.noteSent(releases, now);
          for (const release of releases) {
            const message = `q${release}`;
            let claimed = held.claim(release, message, now);
            if (dies) {
              held = new HeldEvents(storage.sql, held.answers);
              claimed = held.claim(release, message, now);
            }
            if (!claimed.claimed) throw new Error("its own message must get it");
            for (const { line, granted } of claimed.events)
              sent.push(...granted.map((purpose) => `${line} ${purpose}`));
            held.settle(release);
            expect(held.claim(release, message, now)).toEqual({ claimed: true, events: [] });
          }
        };
        for (const step of ops) {
          if (step.do === "hold") {
            const { visitor: anonymous_id, pending, for: time, most, drops } = step;
            const hold = {
              pending,
              until: now + time,
              most,
              unanswered: drops ? ("drop" as const) : ("default" as const),
            };
            model.hold(`m${n}`, step, now);
            const one = event({ anonymous_id, hold });
            held.take(one as never, one.message_id, FACTS);
          } else if (step.do === "answer") {
            model.answers.set(step.visitor, { ...model.answers.get(step.visitor), ...step.answer });
            model.answer(step.visitor, step.answer);
            held.take(event({ anonymous_id: step.visitor, answer: step.answer }) as never, "", FACTS);
          } else if (step.do === "restart") {
            model.answers.clear();
            held = new HeldEvents(storage.sql);
          } else if (step.do === "pass") {
            now += step.time;
            model.expire((one) => one.until <= now);
            held.expire(now);
          } else {
            deliver(step.dies);
          }
          held.write(now);
          expect(held.counts.waiting).toBe(model.waiting.length);
        }
        deliver(false);
        expect(sent.sort()).toEqual(model.sent.sort());
        // Nothing is left of what does not wait.
        expect(storage.sql.exec("SELECT count(*) AS n FROM held").one().n).toBe(model.waiting.length);
        expect(storage.sql.exec("SELECT count(*) AS n FROM releases").one().n).toBe(0);
      }),
      { numRuns: 200 },
    );
  });
});
