import { describe, expect, it } from "vitest";
import type { EventContext } from "../../../core/event.ts";
import { orgDataLayer } from "../../../core/org-data-layer.ts";
import { anEnvironment, aSource } from "../../../test/an-environment.ts";
import { anEvent } from "../../../test/an-event.ts";
import type { StepContext } from "../step.ts";
import { convertCurrency } from "./convert-currency.ts";
import { enrichTraffic } from "./enrich-traffic.ts";
import { enrichUserAgent } from "./enrich-user-agent.ts";
import { removeEverywhere, removeFields } from "./remove-fields.ts";

const under = (document: object, given: Partial<StepContext> = {}): StepContext => ({
  environment: anEnvironment({ org_data_layer: orgDataLayer.parse(document) }),
  source_id: "src_test",
  request: {},
  vendor_ids: {},
  ...given,
});
const page = (context: EventContext) => anEvent({ type: "page", context });

describe("enrich_traffic", () => {
  it("reads campaign and click ids from the page's address, and says how the visitor came", () => {
    const url = "https://shop.example/?utm_source=google&utm_medium=cpc&utm_campaign=May%20sale&utm_id=7&gclid=Cj0";
    expect(enrichTraffic.run(page({ page: { url, referrer: "https://www.google.de/" } }), under({}))).toMatchObject({
      event: {
        context: {
          campaign: { source: "google", medium: "cpc", name: "May sale", id: "7" },
          click_ids: { gclid: "Cj0" },
          traffic: {
            channel: "Paid Search",
            source: "google",
            medium: "cpc",
            campaign: "May sale",
            referrer_host: "www.google.de",
            kind: "search",
            by: "utm",
          },
        },
      },
      changed: ["context.campaign", "context.click_ids", "context.traffic"],
    });
  });

  it("leaves what the client told of the campaign, and believes nothing of what it says of the channel", () => {
    const context = {
      page: { url: "https://shop.example/?utm_source=other" },
      campaign: { source: "news", medium: "email" },
      traffic: { channel: "Free Money" },
    };
    expect(enrichTraffic.run(page(context), under({}))).toMatchObject({
      event: { context: { campaign: context.campaign, traffic: { channel: "Email", source: "news" } } },
    });
    const within = {
      ...context,
      campaign: undefined,
      page: { url: "https://a.example/b", referrer: "https://a.example/" },
    };
    expect(enrichTraffic.run(page(within as EventContext), under({}))).not.toHaveProperty("event.context.traffic");
  });

  it("asks the organisation's own channels first, and takes its other hosts for its own", () => {
    const own = under({ enrichment: { channels: [{ name: "Newsletter", source: "news*" }] } });
    const url = "https://shop.example/?utm_source=News-May&utm_medium=email";
    expect(enrichTraffic.run(page({ page: { url } }), own)).toMatchObject({
      event: { context: { traffic: { channel: "Newsletter" } } },
    });
    const linked = under({});
    linked.environment = anEnvironment({ sources: [aSource({ linked_hosts: ["shop.test"] })] });
    const event = page({ page: { url: "https://shop.example/", referrer: "https://shop.test/cart" } });
    expect(enrichTraffic.run(event, linked)).toEqual({ verdict: "kept", event, changed: [] });
  });

  it("does nothing where it is not wanted", () => {
    const event = page({ page: { url: "https://shop.example/?utm_source=x" } });
    expect(enrichTraffic.run(event, under({ enrichment: { traffic: false } }))).toEqual({
      verdict: "kept",
      event,
      changed: [],
    });
  });
});

describe("convert_currency", () => {
  const order = anEvent({ event: "Order Completed", properties: { revenue: 100, currency: "USD" } });
  const rates = { base: "EUR", days: { "2026-11-20": { USD: 1.25 } } };

  it("adds the amounts in the organisation's currency", () => {
    const given = under({ enrichment: { currency: { to: "EUR" } } }, { rates });
    expect(convertCurrency.run(order, given)).toMatchObject({
      event: { properties: order.properties, context: { money: { currency: "EUR", amounts: { revenue: 80 } } } },
      changed: ["context.money"],
    });
  });

  it("does nothing where the organisation has no currency", () => {
    expect(convertCurrency.run(order, under({}, { rates }))).toEqual({ verdict: "kept", event: order, changed: [] });
  });
});

describe("removal", () => {
  const document = {
    remove: [{ path: "properties.products.*.cost" }, { path: "context.**.secret", from: "everywhere" }],
  };
  const event = anEvent({
    properties: { products: [{ id: "p1", cost: 3 }] },
    context: { page: { url: "https://a.example/", secret: 1 } },
  });

  it("keeps out of the store what may be nowhere, and from integrations what they may not have", () => {
    const stored = removeEverywhere.run(event, under(document));
    expect(stored).toMatchObject({ changed: ["context.page.secret"] });
    const kept = (stored as { event: typeof event }).event;
    expect(kept.properties).toEqual(event.properties);
    expect(removeFields.run(kept, under(document))).toMatchObject({
      event: { properties: { products: [{ id: "p1" }] } },
      changed: ["properties.products.0.cost"],
    });
  });

  it.each([
    [undefined, { id: "p1", cost: 3 }, { id: "p1" }],
    ["brand", { products: [{ id: "p1", cost: 3 }] }, { products: [{ id: "p1" }] }],
  ])("finds the fields of an item where fan-out put them (by %s)", (by, properties, left) => {
    const rule = {
      name: "r",
      events: ["x"],
      each: "properties.products",
      event: "y",
      parent: "goes_on" as const,
      most: 9,
    };
    const child = anEvent({ properties });
    expect(removeFields.run(child, { ...under(document), rule: by ? { ...rule, by } : rule })).toMatchObject({
      event: { properties: left },
    });
  });
});

describe("client hints", () => {
  const chrome = (system: string) =>
    `Mozilla/5.0 (${system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36`;
  it.each<[string, Record<string, string>, object]>([
    [
      "Windows NT 10.0; Win64; x64",
      { platform: '"Windows"', "platform-version": '"15.0.0"' },
      { os: { name: "Windows", version: "11" } },
    ],
    [
      "Windows NT 10.0; Win64; x64",
      { platform: '"Windows"', "platform-version": '"10.0.0"' },
      { os: { name: "Windows", version: "10" } },
    ],
    ["Windows NT 10.0; Win64; x64", { platform: '"Windows"' }, { os: { name: "Windows", version: "10" } }],
    [
      "Macintosh; Intel Mac OS X 10_15_7",
      { platform: '"macOS"', "platform-version": '"15.6.1"' },
      { os: { name: "Mac OS", version: "15.6.1" } },
    ],
    [
      "Linux; Android 10; K",
      { platform: '"Android"', "platform-version": '"16.0.0"', model: '"Pixel 9"' },
      { os: { name: "Android", version: "16" }, device: { model: "Pixel 9" } },
    ],
    ["Windows NT 10.0; Win64; x64", { platform: '"constructor"' }, { os: { name: "Windows", version: "10" } }],
  ])("tell of %s by %j what the user agent does not", (system, hints, expected) => {
    const client_hints = Object.fromEntries(Object.entries(hints).map(([name, hint]) => [`sec-ch-ua-${name}`, hint]));
    expect(enrichUserAgent.run(page({ user_agent: chrome(system), client_hints }), under({}))).toMatchObject({
      event: { context: expected },
    });
  });
});
