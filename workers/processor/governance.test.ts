import { createMessageBatch } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { configKey } from "../../core/environment.ts";
import type { Event } from "../../core/event.ts";
import { type OrgDataLayerInput, orgDataLayer } from "../../core/org-data-layer.ts";
import { piiKeysOf } from "../../core/pii/pii-keys.ts";
import { anEnvironment } from "../../test/an-environment.ts";
import { anEvent } from "../../test/an-event.ts";
import processor from "./index.ts";
import { beforeShard, run } from "./pipeline.ts";

const layered = (given: OrgDataLayerInput, more: object = {}) => ({
  environment: anEnvironment({ org_data_layer: orgDataLayer.parse(given), ...more }),
  source_id: "src_test",
  request: {},
  vendor_ids: {},
  pii_keys: piiKeysOf(env.PII_KEY, "org_test"),
});
const through = (given: OrgDataLayerInput, event: Partial<Event>) => run(beforeShard, anEvent(event), layered(given));

describe("Layer 1", () => {
  it("does its steps in order, each by its own section, and says what each did", () => {
    const { verdict, records } = through(
      {
        standardise: { events: { checkout: "Order Completed" }, case: "snake_case" },
        types: { "properties.total": "number" },
        normalise: { known_fields: true },
        cleanse: { strip_html: true },
        pii: { classes: { email: "hash_for_vendors" } },
      },
      {
        event: "Checkout",
        properties: { Total: "12.50", currency: "€", note: " <b>hi</b> ", userEmail: "ada@example.com" },
      },
    );
    expect(verdict).toMatchObject({
      verdict: "kept",
      event: {
        event: "Order Completed",
        properties: { total: 12.5, currency: "EUR", note: "hi", user_email: expect.stringMatching(/^[0-9a-f]{64}$/) },
      },
    });
    expect(
      records.filter(({ changed }) => changed.length).map(({ step, changed, detail }) => [step, changed, detail]),
    ).toEqual([
      ["standardise_fields", ["event", "properties.total", "properties.user_email"], undefined],
      ["enforce_types", ["properties.total"], "string_to_number: properties.total"],
      ["normalise_values", ["properties.currency"], undefined],
      ["cleanse", ["properties.note"], undefined],
      ["classify_pii", ["properties.user_email"], undefined],
    ]);
  });

  it.each([
    ["quarantine", "quarantined"],
    ["block", "dropped"],
    ["remove", "kept"],
    ["keep", "kept"],
  ] as const)("with a value of the wrong type to %s: %s", (on_failure, expected) => {
    const { verdict } = through(
      { types: { "properties.total": { type: "number", on_failure } } },
      { properties: { total: "much" } },
    );
    expect(verdict.verdict).toBe(expected);
    if (verdict.verdict === "kept")
      expect(verdict.event.properties).toEqual(on_failure === "remove" ? {} : { total: "much" });
    else
      expect(verdict).toMatchObject({ reason: "wrong_type", detail: "properties.total: not a value of type number" });
  });

  it.each([
    ["block", "dropped"],
    ["quarantine", "quarantined"],
  ] as const)("with an unplanned event to %s: %s", (unplanned_events, expected) => {
    const { verdict, violations } = through({ tracking_plan: { unplanned_events } }, { event: "Oder" });
    expect(verdict).toMatchObject({ verdict: expected, reason: "not_as_planned", detail: "event: unplanned_event" });
    expect(violations).toHaveLength(1);
  });
});

describe("the processor", () => {
  const id = "env_governed_batch";
  beforeEach(async () => {
    const { environment } = layered(
      {
        tracking_plan: {
          mode: "quarantine",
          events: { Paid: { properties: { properties: { total: { type: "number" } } } } },
        },
      },
      { id, integrations: [] },
    );
    await env.CONFIG.put(configKey.environment(id), JSON.stringify(environment));
  });

  it("counts what is not as planned with a redacted sample, and keeps aside the event without its card number", async () => {
    const bad = { event: "Paid", properties: { total: "ada@example.com", note: "4111 1111 1111 1111" } };
    const raw = {
      v: 1,
      environment_id: id,
      source_id: "src_test",
      received_at: "2026-11-20T10:00:01.000Z",
      request: {},
      vendor_ids: {},
      events: [anEvent(bad), anEvent(bad), anEvent({ event: "Paid", properties: { total: 1 } })],
    };
    const batch = createMessageBatch("raw-events", [
      { id: "q-governed", timestamp: new Date(), attempts: 1, body: JSON.stringify(raw) },
    ]);
    await processor.queue(batch, env);
    const watch = env.SCHEMA_WATCH.getByName(id);
    expect(await watch.violations()).toMatchObject([
      { event: "track Paid", path: "properties.total", keyword: "type", count: 2, sample: "[email]" },
    ]);
    expect((await watch.shapes())["track Paid"]?.seen).toBe(3);
    const { results } = await env.DB.prepare("SELECT r2_key, reason FROM dead_letters WHERE environment_id = ?")
      .bind(id)
      .all<{ r2_key: string; reason: string }>();
    expect(results).toHaveLength(2);
    const letter = await (await env.LAKE.get(results[0]!.r2_key))!.text();
    expect([results[0]!.reason, letter.includes("4111 1111"), letter.includes("************1111")]).toEqual([
      "not_as_planned",
      false,
      true,
    ]);
  });
});
