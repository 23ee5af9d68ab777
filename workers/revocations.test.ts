import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import type { Consent } from "../core/event.ts";
import type { DeliveryItem } from "../core/queue-messages.ts";
import { KEEP_REVOCATIONS_MS } from "../durable-objects/consent-revocations.ts";
import { anItem } from "../test/a-delivery.ts";
import { anEvent } from "../test/an-event.ts";
import { destinations } from "./delivery/destinations/index.ts";
import { forgetMarked, RevocationMarks, revokedAmong } from "./revocations.ts";

let environment: string;
let environments = 0;
beforeEach(() => {
  forgetMarked();
  environment = `env_revocations_${++environments}`;
});

const at = (minute: number) => `2026-11-20T10:${String(minute).padStart(2, "0")}:00.000Z`;

/** What a person says at a minute. */
async function say(
  consent: Consent | undefined,
  minute: number,
  who: { anonymous_id?: string; user_id?: string } = {},
) {
  const marks = new RevocationMarks();
  marks.note(1, environment, anEvent({ received_at: at(minute), context: consent ? { consent } : {}, ...who }));
  const failures: unknown[] = [];
  await marks.send(env, (_, error) => failures.push(error));
  expect(failures).toEqual([]);
}

const came = (minute: number, given: Partial<DeliveryItem> = {}) => anItem({ received_at: at(minute), ...given });
const revoked = async (items: DeliveryItem[], purpose: "marketing" | "analytics" | "functional" = "marketing") => {
  const found = await revokedAmong(env, environment, items, purpose);
  return items.map((item) => found.has(item));
};

describe("consent that was taken back", () => {
  it("covers what came before, and with it, for that purpose and that visitor only", async () => {
    await say({ marketing: false }, 10);
    expect(await revoked([came(9), came(10), came(11), came(9, { anonymous_id: "a2" })])).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(await revoked([came(9)], "analytics")).toEqual([false]);
    expect(await revoked([came(9)], "functional")).toEqual([false]);
  });

  it("covers every purpose that was refused", async () => {
    await say({ marketing: false, analytics: false }, 10);
    expect([...(await revoked([came(9)])), ...(await revoked([came(9)], "analytics"))]).toEqual([true, true]);
  });

  it("covers the person's other devices where the person is known", async () => {
    await say({ marketing: false }, 10, { anonymous_id: "phone", user_id: "u1" });
    const laptop = came(9, { anonymous_id: "laptop", user_id: "u1" });
    const other = came(9, { anonymous_id: "laptop", user_id: "u2" });
    const anonymous = came(9, { anonymous_id: "u1" });
    expect(await revoked([laptop, other, anonymous])).toEqual([true, false, false]);
  });

  it("stays taken back for what was queued then, though it is given again", async () => {
    await say({ marketing: false }, 10);
    await say({ marketing: true }, 12);
    expect(await revoked([came(9), came(13)])).toEqual([true, false]);
    await say({ marketing: false }, 14);
    expect(await revoked([came(13), came(15)])).toEqual([true, false]);
  });

  it("is what the person said: nothing is taken back by silence or a yes", async () => {
    await say(undefined, 10);
    await say({ marketing: true, analytics: true }, 10);
    expect(await revoked([came(9)])).toEqual([false]);
  });

  it("survives an eviction", async () => {
    await say({ marketing: false }, 10);
    await evictDurableObject(env.CONSENT_REVOCATIONS.getByName(environment));
    expect(await revoked([came(9)])).toEqual([true]);
  });
});

describe("what it costs", () => {
  const rows = () =>
    runInDurableObject(env.CONSENT_REVOCATIONS.getByName(environment), (_, state) =>
      state.storage.sql
        .exec<{ id: number; bytes: number }>("SELECT id, length(records) AS bytes FROM chunks")
        .toArray(),
    );

  it("marks somebody who says no with every event once in a minute", async () => {
    for (let i = 0; i < 5; i++) await say({ marketing: false }, 10);
    await say({ marketing: false }, 12);
    expect(await rows()).toEqual([{ id: 1, bytes: 2 * 20 }]);
  });

  it("writes one row for all that a batch marks, and appends to it until it is full", async () => {
    const marks = new RevocationMarks();
    for (let i = 0; i < 2_000; i++) {
      marks.note(
        i,
        environment,
        anEvent({ anonymous_id: `v${i}`, received_at: at(1), context: { consent: { marketing: false } } }),
      );
    }
    await marks.send(env, () => {});
    await say({ marketing: false }, 2);
    expect((await rows()).map(({ bytes }) => bytes)).toEqual([2_001 * 20]);
    const second = new RevocationMarks();
    for (let i = 0; i < 2_000; i++) {
      second.note(
        i,
        environment,
        anEvent({ anonymous_id: `w${i}`, received_at: at(3), context: { consent: { marketing: false } } }),
      );
    }
    await second.send(env, () => {});
    expect(await rows()).toHaveLength(2);
    expect(await revoked([came(1, { anonymous_id: "v1999" }), came(3, { anonymous_id: "w0" }), came(3)])).toEqual([
      true,
      true,
      false,
    ]);
  });

  it("asks nobody where the purpose needs no consent", async () => {
    const nobody = { CONSENT_REVOCATIONS: undefined } as never;
    expect(await revokedAmong(nobody, environment, [came(1)], "functional")).toEqual(new Set());
    expect(await revokedAmong(nobody, environment, [], "marketing")).toEqual(new Set());
  });
});

it("whoever could not be marked is told, and marked the next time", async () => {
  const down = {
    CONSENT_REVOCATIONS: { getByName: () => ({ mark: () => Promise.reject(new Error("down")) }) },
  } as never;
  const marks = new RevocationMarks();
  marks.note("sender", environment, anEvent({ received_at: at(10), context: { consent: { marketing: false } } }));
  const failed: unknown[] = [];
  await marks.send(down, (senders) => failed.push(...senders));
  expect(failed).toEqual(["sender"]);
  await say({ marketing: false }, 10);
  expect(await revoked([came(9)])).toEqual([true]);
});

it("is remembered for longer than any destination goes on trying", () => {
  for (const { name, limits } of Object.values(destinations)) {
    expect(limits.giveUpAfterHours * 3_600_000, name).toBeLessThanOrEqual(KEEP_REVOCATIONS_MS);
  }
});
