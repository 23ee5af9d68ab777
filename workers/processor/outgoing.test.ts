import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { orgDataLayer } from "../../core/org-data-layer.ts";
import { type Lines, linesOf } from "../../durable-objects/visitor-facts.ts";
import { aQuietProcessor } from "../../test/a-processor.ts";
import { anIntegration } from "../../test/an-environment.ts";
import { anEvent } from "../../test/an-event.ts";

beforeEach(() => {
  vi.spyOn(console, "error").mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
});

const order = () =>
  anEvent({
    message_id: "order-1",
    event: "Order Completed",
    properties: {
      order_id: "o1",
      currency: "EUR",
      revenue: 30,
      products: [
        { product_id: "p1", brand: "Acme", price: 10, cost: 4 },
        { product_id: "p2", brand: "Bolt", price: 20, cost: 9 },
      ],
    },
  });
const document = (rule: object = {}) =>
  orgDataLayer.parse({
    fan_out: [
      { name: "lines", events: ["Order Completed"], each: "properties.products", event: "Line Ordered", ...rule },
    ],
    remove: [{ path: "properties.products.*.cost" }],
  });

it("sends an order and its lines, none of them with a field that must never reach an integration", async () => {
  const { consume } = await aQuietProcessor("fan", { org_data_layer: document() });
  const { items, acked } = await consume({ q1: [order()] });
  expect(acked).toEqual(["q1"]);
  expect(items.map((item) => item.event)).toEqual(["Order Completed", "Line Ordered", "Line Ordered"]);
  expect(items[1]!.payload).toMatchObject({
    data: {
      event: "Line Ordered",
      properties: { order_id: "o1", product_id: "p1", value: 10 },
      context: { parent: { message_id: "order-1", index: 0, of: 2 }, session: { number: 1 } },
    },
  });
  expect(JSON.stringify(items)).not.toContain("cost");
});

it("sends the lines once, however often the order comes, and the same lines when its message is redelivered", async () => {
  const { consume } = await aQuietProcessor("fan", { org_data_layer: document() });
  const first = await consume({ q1: [order()] });
  expect((await consume({ q2: [order()] })).items).toEqual([]);
  const again = await consume({ q1: [order()] });
  expect(again.items.map((item) => item.message_id)).toEqual(first.items.map((item) => item.message_id));
});

it("sends the lines in the order's place, to those whom the rule names", async () => {
  const retail = anIntegration({ destination: "webhook", id: "int_retail", name: "Retail" });
  const { consume } = await aQuietProcessor("fan", {
    integrations: [anIntegration({ destination: "webhook", name: "Others" }), retail],
    org_data_layer: document({ parent: "stays", to: ["Retail"] }),
  });
  const { items } = await consume({ q1: [order(), anEvent({ message_id: "m2" })] });
  // By integration: which queue is asked first is chance.
  const isRetail = (item: { integration_id: string }) => item.integration_id.startsWith("int_retail");
  const sorted = [...items.filter((item) => !isRetail(item)), ...items.filter(isRetail)];
  expect(sorted.map((item) => [item.event, isRetail(item)])).toEqual([
    ["Button Clicked", false],
    ["Line Ordered", true],
    ["Line Ordered", true],
    ["Button Clicked", true],
  ]);
});

it("writes into the stored receipt what the event was made into", async () => {
  const { consume, env } = await aQuietProcessor("fan", { org_data_layer: document() });
  const lines: string[] = [];
  const real = env.VISITOR_SHARD;
  env.VISITOR_SHARD = {
    getByName: (name: string) => ({
      apply: (batch: { lines: Lines }) => {
        lines.push(...linesOf(batch.lines));
        return real.getByName(name).apply(batch as never);
      },
    }),
  } as unknown as typeof real;
  await consume({ q1: [order()] });
  const stored = JSON.parse(lines[0]!);
  expect(stored.event.properties.products[0]).toHaveProperty("cost", 4);
  expect(stored.receipt.steps.at(-1)).toEqual({
    step: "fan_out",
    verdict: "kept",
    changed: [],
    detail: "lines: 2 events",
  });
});
