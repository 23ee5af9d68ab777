import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { type Event, parseEvent } from "../../../core/event.ts";
import { eventsOfPayment } from "../../../core/revenue/payment.ts";
import { aQuietProcessor } from "../../../test/a-processor.ts";
import { anEvent } from "../../../test/an-event.ts";
import { providers } from "../../ingest/webhooks/index.ts";
import { api } from "../index.ts";

const paid = (type: string, object: object, at: string, previous_attributes = {}): Event[] => {
  const body = { id: `evt_${type}`, type, created: Date.parse(at) / 1_000, data: { object, previous_attributes } };
  return providers
    .stripe!.read({ body, headers: new Headers() })
    .payments.flatMap((payment) => eventsOfPayment("stripe", payment))
    .map((event) => {
      const parsed = parseEvent(event, { received_at: at, message_id: () => "none" });
      if (!parsed.ok) throw new Error(parsed.message);
      return parsed.event;
    });
};
const visit = (day: string, utm_source: string) =>
  anEvent({
    type: "page",
    anonymous_id: "285e0b16-5c5b-4d6f-9d0e-5f0c6f1b2a3d",
    timestamp: `${day}T09:00:00.000Z`,
    received_at: `${day}T09:00:00.000Z`,
    context: {
      page: { url: `https://shop.example/?utm_source=${utm_source}`, path: "/", referrer: "" },
      campaign: { source: utm_source, medium: "email" },
    },
  });

it("finds the visits before a payment that knew only an e-mail address, once the visitor says days later whose it is", async () => {
  const processor = await aQuietProcessor("profile_attribution");
  const ask = async (query = "") => {
    const path = `/api/v1/profiles/email:ann@shop.example/attribution?environment_id=${processor.environment.id}${query}`;
    const response = await api.request(path, { headers: { authorization: "Bearer test-admin-token" } }, env);
    // biome-ignore lint/suspicious/noExplicitAny: each expectation says what it is about
    return { status: response.status, body: (await response.json()) as any };
  };
  expect((await ask()).status).toBe(404);

  const invoice = {
    id: "in_1",
    billing_reason: "subscription_create",
    amount_paid: 1_000,
    currency: "eur",
    customer: "cus_1",
  };
  const buyer = { ...invoice, payment_intent: "pi_1", customer_email: "Ann@shop.example" };
  await processor.consume({
    q1: [visit("2026-11-18", "newsletter"), visit("2026-11-19", "partner"), visit("2026-11-19", "partner")],
    q2: paid("invoice.paid", buyer, "2026-11-20T10:00:00.000Z"),
  });
  expect((await ask()).body).toMatchObject({
    revenue: 10,
    totals: [{ key: "(none)", revenue: 10 }],
    purchases: [{ path: [] }],
  });

  await processor.consume({
    q3: [
      anEvent({
        ...visit("2026-11-24", "(later)"),
        type: "identify",
        event: "identify",
        user_id: "u1",
        traits: { email: "ann@shop.example" },
      }),
    ],
  });
  const { body } = await ask("&model=linear&dimension=source");
  expect(body).toMatchObject({
    revenue: 10,
    currency: "EUR",
    is_complete: true,
    uncounted: 0,
    totals: [
      { key: "newsletter", revenue: 5, assisted: 1 },
      { key: "partner", revenue: 5, assisted: 1 },
    ],
    purchases: [
      { order_id: "in_1", kind: "subscription_start", path: [{ source: "newsletter" }, { source: "partner" }] },
    ],
  });

  const refunded = {
    id: "ch_1",
    payment_intent: "pi_1",
    amount_refunded: 999,
    currency: "eur",
    receipt_email: "ann@shop.example",
  };
  await processor.consume({ q4: paid("charge.refunded", refunded, "2026-11-25T10:00:00.000Z") });
  expect((await ask("&model=last&dimension=source")).body).toMatchObject({
    revenue: 0.01,
    totals: [{ key: "partner", revenue: 0.01 }],
  });
});

it.each(["model=data_driven", "model=best", "window_days=0", "currency=euro", "dimension=moon"])(
  "refuses %s",
  async (query) => {
    const response = await api.request(
      `/api/v1/profiles/u1/attribution?${query}`,
      { headers: { authorization: "Bearer test-admin-token" } },
      env,
    );
    expect(response.status).toBe(400);
  },
);
