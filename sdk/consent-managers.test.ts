/** Each manager as its own reference describes it: what it puts into the page, and how it tells of a change. */
import { describe, expect } from "vitest";
import { names, test, track } from "./a-site.ts";

interface Manager {
  name: string;
  /** Puts the manager into the page, before anybody has answered. */
  install: string;
  /** The same, where it finds what we have left for it. */
  late?: string;
  /** What the manager then does when the visitor answers: analytics yes, marketing no. */
  answer: string;
}

const MANAGERS: Manager[] = [
  {
    name: "onetrust",
    install: `window.OnetrustActiveGroups = ",C0001,"; window.OneTrust = { IsAlertBoxClosed: () => false };`,
    answer: `window.OnetrustActiveGroups = ",C0001,C0002,"; OneTrust.IsAlertBoxClosed = () => true;
      dispatchEvent(new CustomEvent("OneTrustGroupsUpdated", { detail: ["C0001", "C0002"] }));`,
  },
  {
    name: "cookiebot",
    install: `window.Cookiebot = { hasResponse: false, consent: { necessary: true, statistics: false, marketing: false } };`,
    answer: `Cookiebot.hasResponse = true; Cookiebot.consent.statistics = true; dispatchEvent(new Event("CookiebotOnAccept"));`,
  },
  {
    name: "usercentrics",
    install: `window.state = { consent: { type: "IMPLICIT" }, categories: { essential: { state: "ALL_ACCEPTED" }, functional: { state: "ALL_DENIED" }, marketing: { state: "ALL_DENIED" } } };
      window.__ucCmp = { getConsentDetails: async () => window.state };`,
    answer: `state.consent.type = "EXPLICIT"; state.categories.functional.state = "ALL_ACCEPTED"; dispatchEvent(new Event("UC_UI_CMP_EVENT"));`,
  },
  {
    name: "usercentrics",
    install: `window.services = [{ categorySlug: "functional", consent: { status: false, history: [{ type: "implicit" }] } }, { categorySlug: "marketing", consent: { status: false, history: [] } }];
      window.UC_UI = { getServicesBaseInfo: () => window.services };`,
    answer: `services[0].consent = { status: true, history: [{ type: "implicit" }, { type: "explicit" }] }; dispatchEvent(new Event("UC_UI_CMP_EVENT"));`,
  },
  {
    name: "didomi",
    install: `window.isPartial = true;
      window.didomi = { isUserConsentStatusPartial: () => window.isPartial, getCurrentUserStatus: () => ({ purposes: { measure_content_performance: { id: "m", enabled: true }, select_personalized_ads: { id: "s", enabled: false } } }) };
      window.didomiOnReady = { push: (ready) => ready(window.didomi) };
      window.didomiEventListeners = [];`,
    late: `window.isPartial = true;
      window.didomi = { isUserConsentStatusPartial: () => window.isPartial, getCurrentUserStatus: () => ({ purposes: { measure_content_performance: { id: "m", enabled: true }, select_personalized_ads: { id: "s", enabled: false } } }) };
      for (const ready of window.didomiOnReady) ready(window.didomi);`,
    answer: `isPartial = false; for (const { event, listener } of didomiEventListeners) if (event === "consent.changed") listener({});`,
  },
  {
    name: "tcf",
    install: `window.listeners = [];
      window.__tcfapi = (command, version, told) => { if (command === "addEventListener") { listeners.push(told); told({ eventStatus: "cmpuishown", gdprApplies: true, purpose: { consents: {} } }, true); } };`,
    answer: `for (const told of listeners) told({ eventStatus: "useractioncomplete", gdprApplies: true, purpose: { consents: { 1: true, 7: true, 8: true } } }, true);`,
  },
  {
    name: "gpp",
    install: `window.listeners = [];
      window.__gpp = (command, told) => { if (command === "addEventListener") { listeners.push(told); told({ eventName: "listenerRegistered", pingData: { signalStatus: "not ready", parsedSections: {} } }, true); } };`,
    answer: `for (const told of listeners) told({ eventName: "signalStatus", data: "ready", pingData: { signalStatus: "ready", parsedSections: { usnat: [{ SaleOptOut: 1, SharingOptOut: 2, TargetedAdvertisingOptOut: 2 }, { Gpc: false }] } } }, true);`,
  },
];

const attributes = (name: string) =>
  `data-write-key="wk_1" data-auto="page" data-consent="wait" data-consent-manager="${name}"`;

describe.for(MANAGERS.map((manager, i) => ({ ...manager, title: `${manager.name} (${i + 1})` })))(
  "$title",
  ({ name, install, late, answer }) => {
    test("an open banner is no answer; the answer is the visitor's, and sends what waited", async ({ site }) => {
      const page = await site.open("/", { attributes: attributes(name), before: `<script>${install}</script>` });
      await page.waitForTimeout(700);
      expect(site.ingest.requests).toEqual([]);

      await page.evaluate(answer);
      await expect.poll(() => names(site.ingest.events()), { timeout: 5_000 }).toEqual(["page"]);
      expect(site.ingest.events()[0]!.context.consent).toMatchObject({ analytics: true, marketing: false });
    });

    test("a manager that comes after us is heard too", async ({ site }) => {
      const page = await site.open("/", { attributes: attributes(name) });
      await expect.poll(() => page.evaluate("!!window.millraceConsent")).toBe(true);
      await page.waitForLoadState("networkidle"); // the script for managers has run
      await page.evaluate(`(() => { ${late ?? install} })()`);
      await page.waitForTimeout(500);
      await page.evaluate(answer);
      await expect.poll(() => names(site.ingest.events()), { timeout: 5_000 }).toEqual(["page"]);
    });
  },
);

test("a law that does not apply asks nobody", async ({ site }) => {
  const before = `<script>window.__tcfapi = (command, version, told) => told({ gdprApplies: false, eventStatus: "tcloaded" }, true);</script>`;
  await site.open("/", { attributes: attributes("tcf"), before });
  await expect
    .poll(() => site.ingest.events(), { timeout: 5_000 })
    .toMatchObject([{ context: { consent: { analytics: true, marketing: true } } }]);
});

test("Europe's section of a GPP string is read like a TC string", async ({ site }) => {
  const section = { PurposeConsents: [true, false, true, true, false, false, true, true] };
  const before = `<script>window.__gpp = (command, told) => told({ pingData: { signalStatus: "ready", parsedSections: { tcfeuv2: ${JSON.stringify(section)} } } }, true);</script>`;
  await site.open("/", { attributes: attributes("gpp"), before });
  await expect
    .poll(() => site.ingest.events(), { timeout: 5_000 })
    .toMatchObject([{ context: { consent: { analytics: true, marketing: true } } }]);
});

test("a manager that throws, or that nobody knows, loses nothing where consent was not asked for", async ({ site }) => {
  const before = `<script>window.__tcfapi = () => { throw new Error("broken"); };</script>`;
  for (const name of ["tcf", "nobody"]) {
    const page = await site.open("/", {
      attributes: `data-write-key="wk_1" data-auto="" data-consent-manager="${name}"`,
      before,
    });
    await track(page, name);
  }
  expect(names(site.ingest.events())).toEqual(["tcf", "nobody"]);
});
