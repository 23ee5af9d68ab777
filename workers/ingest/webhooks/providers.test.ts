import { Webhook } from "standardwebhooks";
import Stripe from "stripe";
import { describe, expect, it } from "vitest";
import { parseEvent } from "../../../core/event.ts";
import { eventsOfPayment, PAYMENT_KINDS } from "../../../core/revenue/payment.ts";
import { providers } from "./index.ts";
import { hmac } from "./provider.ts";

const NOW = Date.parse("2026-11-20T10:00:00.000Z");
const SECONDS = NOW / 1_000;
const SECRET = "a-secret-of-the-webhook";
const BODY = '{"id":"evt_1","note":"Ångström"}';

/** How each signs a body at a time in Unix seconds; Stripe and Polar by their own libraries. */
const signing: Record<
  string,
  (body: string, seconds: number, secret: string) => Record<string, string> | Promise<Record<string, string>>
> = {
  stripe: async (payload, timestamp, secret) => ({
    "stripe-signature": await new Stripe("sk_test_x").webhooks.generateTestHeaderStringAsync({
      payload,
      timestamp,
      secret,
    }),
  }),
  paddle: (body, ts, secret) => ({ "paddle-signature": `ts=${ts};h1=${hmac(secret, "hex", `${ts}:${body}`)}` }),
  polar: (body, at, secret) => ({
    "webhook-id": "msg_1",
    "webhook-timestamp": String(at),
    // As Polar's own library does: it takes the secret's letters for the key.
    "webhook-signature": new Webhook(btoa(secret)).sign("msg_1", new Date(at * 1_000), body),
  }),
  "lemon-squeezy": (body, _, secret) => ({ "x-signature": hmac(secret, "hex", body) }),
  shopify: (body, _, secret) => ({ "x-shopify-hmac-sha256": hmac(secret, "base64", body) }),
};

describe.each(Object.values(providers).map((one) => [one.name, one] as const))("%s", (name, provider) => {
  const verify =
    (headers: Record<string, string>, body = BODY, now = NOW) =>
    () =>
      provider.verify({ headers: new Headers(headers), bytes: Buffer.from(body), secret: SECRET, now });
  const sign = signing[name]!;
  const hasTime = name !== "lemon-squeezy" && name !== "shopify";

  it("takes what was signed with the secret, within five minutes either way", async () => {
    expect(verify(await sign(BODY, SECONDS, SECRET))).not.toThrow();
    expect(verify(await sign(BODY, SECONDS - 299, SECRET))).not.toThrow();
    expect(verify(await sign(BODY, SECONDS + 299, SECRET))).not.toThrow();
  });

  it("refuses another secret, another body, half a signature and none", async () => {
    const headers = await sign(BODY, SECONDS, SECRET);
    const invalid = expect.objectContaining({ code: "invalid_signature" });
    expect(verify(await sign(BODY, SECONDS, "another"))).toThrow(invalid);
    expect(verify(headers, BODY.replace("1", "2"))).toThrow(invalid);
    expect(verify({})).toThrow(invalid);
    for (const header of Object.keys(headers)) {
      const { [header]: value, ...others } = headers;
      expect(verify(others)).toThrow(invalid);
      expect(verify({ ...others, [header]: value!.slice(0, -1) })).toThrow();
    }
  });

  it.runIf(hasTime)("refuses what was signed long ago, or is said to be signed now", async () => {
    const old = await sign(BODY, SECONDS - 301, SECRET);
    expect(verify(old)).toThrow(expect.objectContaining({ code: "stale_signature" }));
    expect(verify(await sign(BODY, SECONDS + 301, SECRET))).toThrow(
      expect.objectContaining({ code: "stale_signature" }),
    );
    const moved = Object.entries(old).map(([key, value]) => [
      key,
      value.replace(String(SECONDS - 301), String(SECONDS)),
    ]);
    expect(verify(Object.fromEntries(moved))).toThrow(expect.objectContaining({ code: "invalid_signature" }));
  });

  it.each(provider.examples.map((one) => [one.title, one] as const))("reads %s", (_, { in: body, headers, out }) => {
    const { payments } = provider.read({ body, headers: new Headers(headers) });
    const events = payments.flatMap((payment) => eventsOfPayment(name, payment));
    const told = events.filter(({ message_id }) => !String(message_id).endsWith(":payer"));
    expect(told).toMatchObject(out);
    expect(told).toHaveLength(out.length);
    for (const event of events) {
      const parsed = parseEvent(event, { received_at: new Date(NOW).toISOString(), message_id: () => "none" });
      expect(parsed).toMatchObject({ ok: true, event: { message_id: event.message_id } });
    }
  });

  it("reads the same twice, so that what is sent again is found", () => {
    for (const { in: body, headers } of provider.examples) {
      const [one, other] = [1, 2].map(() =>
        provider.read({ body: structuredClone(body), headers: new Headers(headers) }),
      );
      expect(one).toEqual(other);
    }
  });
});

it("takes both secrets while Stripe rolls one", async () => {
  const [old, fresh] = await Promise.all(
    ["an-old-one", SECRET].map(async (secret) => (await signing.stripe!(BODY, SECONDS, secret))["stripe-signature"]!),
  );
  const both = `${old},${fresh!.split(",")[1]}`;
  const headers = new Headers({ "stripe-signature": both });
  expect(() => providers.stripe!.verify({ headers, bytes: Buffer.from(BODY), secret: SECRET, now: NOW })).not.toThrow();
});

it("has an example of every kind of payment", () => {
  const shown = Object.values(providers).flatMap(({ examples }) =>
    examples.flatMap(({ out }) => out.map(({ properties }) => (properties as { kind?: string } | undefined)?.kind)),
  );
  expect(PAYMENT_KINDS.filter((kind) => !shown.includes(kind))).toEqual(["payment_failed"]);
});
