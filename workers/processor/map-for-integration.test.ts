import { describe, expect, it, vi } from "vitest";
import { z } from "zod";
import type { Purpose } from "../../core/consent.ts";
import type { Integration } from "../../core/environment.ts";
import type { Event } from "../../core/event.ts";
import { anIntegration } from "../../test/an-environment.ts";
import { anEvent } from "../../test/an-event.ts";
import { type Destination, defineDestination, skip } from "../delivery/destination.ts";
import { mapForIntegration } from "./map-for-integration.ts";

/** A vendor that takes the event's name. */
const vendor = (map: (event: Event) => unknown = (event) => ({ name: event.event })) =>
  defineDestination({
    name: "vendor",
    title: "Vendor",
    purpose: "marketing",
    settings: z.object({}),
    exampleSettings: {},
    limits: { eventsPerRequest: 1, requestsPerSecond: 1, giveUpAfterHours: 1, timeoutMs: 1_000 },
    map: (event) => map(event) as object,
    request: () => ({ url: "https://vendor.example", method: "POST", headers: {}, body: "" }),
    outcome: () => ({ outcome: "delivered" }),
    examples: [],
  }) as Destination;

const all: Purpose[] = ["functional", "analytics", "marketing"];
const event = (purposes: Purpose[] = all) => anEvent({ event: "Signed Up", context: { purposes } });
const mapped = (
  integration: Partial<Integration> = {},
  purposes = all,
  destination: Destination | undefined = vendor(),
) =>
  mapForIntegration(event(purposes), "src_test", anIntegration({ destination: "vendor", ...integration }), destination);

it("gives the destination's payload as JSON", () => {
  expect(mapped()).toEqual({ outcome: "queued", payload_json: '{"name":"Signed Up"}' });
});

describe("filters, with the reason,", () => {
  it("a disabled integration", () => {
    expect(mapped({ enabled: false })).toEqual({ outcome: "filtered", reason: "integration_disabled" });
  });

  it("a source that does not feed the integration", () => {
    expect(mapped({ source_ids: ["src_other"] })).toEqual({ outcome: "filtered", reason: "source_not_connected" });
    expect(mapped({ source_ids: [] })).toEqual({ outcome: "filtered", reason: "source_not_connected" });
    expect(mapped({ source_ids: ["src_other", "src_test"] })).toMatchObject({ outcome: "queued" });
  });

  it("a destination that this version does not have", () => {
    const integration = anIntegration({ destination: "gone" });
    expect(mapForIntegration(event(), "src_test", integration, undefined)).toEqual({
      outcome: "filtered",
      reason: "unknown_destination",
      detail: "gone",
    });
  });

  it("what the vendor has no use for, in the destination's words", () => {
    const picky = vendor(() => skip("event_not_mapped", "not this one"));
    expect(mapped({}, all, picky)).toEqual({ outcome: "filtered", reason: "event_not_mapped", detail: "not this one" });
  });

  it("a payload that no queue message could hold, in bytes", () => {
    const large = vendor(() => ({ text: "ż".repeat(30_000) }));
    expect(mapped({}, all, large)).toEqual({ outcome: "filtered", reason: "payload_too_large", detail: "60011 bytes" });
    expect(
      mapped(
        {},
        all,
        vendor(() => ({ text: "x".repeat(30_000) })),
      ),
    ).toMatchObject({ outcome: "queued" });
  });

  it.each<[string, () => unknown]>([
    [
      "throws",
      () => {
        throw new TypeError("undefined is not a product");
      },
    ],
    ["makes no JSON", () => ({ price: 1n })],
  ])("an event on which the destination %s: that one event, for that one vendor", (_, map) => {
    expect(mapped({}, all, vendor(map))).toEqual({
      outcome: "filtered",
      reason: "mapping_failed",
      detail: expect.stringMatching(/^TypeError: /),
      quarantined: true,
    });
  });
});

describe("the event's own choice of integrations", () => {
  it.each<[Event["integrations"], string]>([
    [undefined, "queued"],
    [{}, "queued"],
    [{ All: true }, "queued"],
    [{ All: false }, "filtered"],
    [{ All: false, vendor: true }, "queued"],
    [{ All: false, VENDOR: { option: 1 } }, "queued"],
    [{ vendor: false }, "filtered"],
    [{ All: true, vendor: false }, "filtered"],
    [{ other: false }, "queued"],
    [{ constructor: false }, "queued"],
  ])("%j: the event is %s", (integrations, outcome) => {
    const chosen = { ...event(), ...(integrations && { integrations }) };
    const own = anIntegration({ destination: "vendor" });
    expect(mapForIntegration(chosen, "src_test", own, vendor()).outcome).toBe(outcome);
  });
});

describe("consent", () => {
  it.each<[Integration["purpose"], Purpose[], string]>([
    [undefined, ["analytics"], "filtered"],
    [undefined, ["marketing"], "queued"],
    ["analytics", ["analytics"], "queued"],
    ["analytics", ["marketing"], "filtered"],
    ["functional", [], "queued"],
    [undefined, [], "filtered"],
  ])("with the integration's purpose %s and %j allowed the event is %s", (purpose, purposes, outcome) => {
    expect(mapped(purpose ? { purpose } : {}, purposes).outcome).toBe(outcome);
  });

  it("is asked before the destination sees anything", () => {
    const map = vi.fn(() => ({}));
    expect(mapped({}, ["analytics"], vendor(map))).toEqual({
      outcome: "filtered",
      reason: "no_consent",
      detail: "marketing",
    });
    expect(map).not.toHaveBeenCalled();
  });
});
