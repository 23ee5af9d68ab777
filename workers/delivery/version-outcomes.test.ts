import { env } from "cloudflare:workers";
import { afterEach, expect, it, vi } from "vitest";
import {
  aBatch,
  aDelivery,
  aDeliveryEnv,
  aMessage,
  anItem,
  fakeVendor,
  publishIntegration,
} from "../../test/a-delivery.ts";
import { deliver } from "./deliver.ts";

afterEach(() => vi.restoreAllMocks());

it("tells the gate what the vendor said, by the version that an event came through", async () => {
  const integration = await publishIntegration();
  const versions = (tag: string) => ({ versions: ["pip_shared@1", tag] });
  const items = [anItem(versions("pip_a@1")), anItem(versions("pip_a@2")), anItem(versions("pip_a@2")), anItem()];
  const outcomes = [
    { outcome: "delivered" },
    { outcome: "rejected", reason: "no" },
    { outcome: "retry", reason: "later" },
    { outcome: "delivered" },
  ];
  fakeVendor(() => Response.json({ outcomes }));
  await deliver(aBatch([aMessage(aDelivery(integration, { items }))]), aDeliveryEnv().env);
  const none = { queued: 0, filtered: 0, failed: 0, skipped_steps: 0, delivered: 0, dead_lettered: 0 };
  expect(
    await env.INTEGRATION_GATE.getByName(integration.id).versionCounts(["pip_shared@1", "pip_a@1", "pip_a@2"]),
  ).toEqual({
    "pip_shared@1": { ...none, delivered: 1, dead_lettered: 1 },
    "pip_a@1": { ...none, delivered: 1 },
    "pip_a@2": { ...none, dead_lettered: 1 },
  });
});
