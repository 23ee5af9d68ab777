import { expect, it } from "vitest";
import type { Event } from "../../core/event.ts";
import type { Decision } from "../../durable-objects/visitor-shard.ts";
import { anEnvironment } from "../../test/an-environment.ts";
import { anEvent } from "../../test/an-event.ts";
import type { ProcessorEnv } from "../env.ts";
import { askProfileShards } from "./ask-profile-shards.ts";

const facts = {
  session: { id: "s.1", number: 1, started_at: "2026-11-20T10:00:00.000Z", is_new: true },
  vendor_ids: {},
};
const tracked = (event: Event, answer: Decision) => ({
  work: { context: { environment: anEnvironment({ id: "env_ask" }), source_id: "src_test" } },
  event,
  answer,
});

/** Shards that remember what they are asked. */
function shards() {
  const asked: { home: { value: string }; first_touch?: unknown }[] = [];
  const apply = async ({ events }: { events: typeof asked }) => {
    asked.push(...events);
    return events.map(({ home }) => ({ verdict: "added", person_id: `per_${home.value}`, changes: ["created"] }));
  };
  return { asked, env: { PROFILE_SHARD: { getByName: () => ({ apply }) } } as unknown as ProcessorEnv };
}

it("tells a profile what brought the visitor before they said who they are", async () => {
  const first_touch = { at: 1_795_221_793_000, message_id: "m0", touch: { page: "/ad" } };
  const { asked, env } = shards();
  const known: Decision = { ...facts, verdict: "new", ...{ first_touch } };
  await askProfileShards(
    [tracked(anEvent({ user_id: "u1" }), known), tracked(anEvent({ user_id: "u2" }), { ...facts, verdict: "new" })],
    env,
  );
  expect(Object.fromEntries(asked.map((one) => [one.home.value, one.first_touch]))).toEqual({
    u1: first_touch,
    u2: undefined,
  });
});

it("asks about nobody anonymous and about no duplicate, and about a redelivered event again", async () => {
  const { asked, env } = shards();
  const all = [
    tracked(anEvent({}), { ...facts, verdict: "new" }),
    tracked(anEvent({ user_id: "u1" }), { verdict: "duplicate" }),
    tracked(anEvent({ user_id: "u2" }), { ...facts, verdict: "redelivered" }),
  ];
  // No integration asks for changes of profiles.
  expect(await askProfileShards(all, env)).toEqual([]);
  expect(asked.map(({ home }) => home.value)).toEqual(["u2"]);
  expect(all.map((one) => "person" in one && one.person)).toEqual([false, false, { id: "per_u2" }]);
});
