import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { aDoor, type Door, SERVER_KEY } from "../../test/a-door.ts";

/** Consent to the purposes 1, 2 and 3 of the framework: neither to measuring content nor to choosing personalised advertising. */
const TCF = "COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA";

let door: Door;
beforeAll(async () => {
  door = await aDoor();
});
beforeEach(() => {
  door.texts.length = 0;
});

const track = (consent?: unknown) => ({ type: "track", event: "x", anonymousId: "a1", context: { consent } });
const consents = () => door.events().map((event) => event.context.consent);

describe("consent at the door", () => {
  it("is brought to our form from each event's own, and costs no event, however it is written", async () => {
    const batch = [
      { marketing: "yes" },
      { categoryPreferences: { Advertising: false } },
      { ad_storage: "granted", analytics_storage: "denied" },
      { tcf: TCF },
      { analytics: "maybe", tcf: "x".repeat(9_000) },
      ["marketing"],
      null,
    ].map(track);
    expect(await (await door.post("/v1/batch", { batch })).json()).toMatchObject({ accepted: 7, rejected: [] });
    expect(consents()).toEqual([
      { marketing: true },
      { marketing: false, source: { marketing: "categories" } },
      { analytics: false, marketing: true, source: { analytics: "consent_mode", marketing: "consent_mode" } },
      {
        analytics: false,
        marketing: false,
        tcf: TCF,
        ad_user_data: "denied",
        ad_personalization: "denied",
        source: { analytics: "tcf", marketing: "tcf" },
      },
      { analytics: false, unreadable: ["analytics", "tcf"] },
      { analytics: false, marketing: false, unreadable: ["consent"] },
      undefined,
    ]);
  });

  it("is the request's for the events that say nothing themselves, of servers too", async () => {
    const headers = { "x-consent": "analytics=?1, marketing=?0" };
    const fromHeader = { analytics: true, marketing: false, source: { analytics: "header", marketing: "header" } };
    await door.post("/v1/batch", { batch: [track(), track({ marketing: true })] }, headers);
    const body = JSON.stringify(track());
    const server = { ...headers, "x-write-key": SERVER_KEY };
    expect((await door.fetch("/v1/track", { method: "POST", headers: server, body })).status).toBe(200);
    expect(consents()).toEqual([fromHeader, { marketing: true }, fromHeader]);
  });
});
