/**
 * Consent managers, each a part that tells `millrace.consent` what the visitor answered there, at once and whenever they answer again.
 * An answer of "no" is told only once it was given: a banner that is still open says nothing. A part throws nothing, and waits for a
 * manager that loads after it.
 */
import type { Part } from "./client.ts";
import type { Answer } from "./consent.ts";

type Flags = Record<string, boolean | undefined>;
type Tell = (answer: Answer) => void;

interface Managers {
  OnetrustActiveGroups?: string;
  OneTrust?: { IsAlertBoxClosed?(): boolean };
  Cookiebot?: { hasResponse?: boolean; consent?: { statistics?: boolean; marketing?: boolean } };
  __ucCmp?: {
    getConsentDetails(): Promise<{ consent?: { type?: string }; categories?: Record<string, { state?: string }> }>;
  };
  UC_UI?: {
    getServicesBaseInfo(): { categorySlug: string; consent: { status: boolean; history?: { type: string }[] } }[];
  };
  didomiOnReady?: { push(ready: (didomi: Didomi) => void): void };
  didomiEventListeners?: { push(listener: { event: string; listener(): void }): void };
  __tcfapi?: (command: string, version: number, told: (data: TcData | null, success: boolean) => void) => void;
  __gpp?: (command: string, told: (data: GppEvent | null, success: boolean) => void) => void;
}

interface TcData {
  gdprApplies?: boolean;
  eventStatus?: string;
  purpose?: { consents?: Flags };
}

interface Didomi {
  isUserConsentStatusPartial(): boolean;
  getCurrentUserStatus(): { purposes: Record<string, { enabled: boolean }> };
}

interface GppEvent {
  pingData?: {
    signalStatus?: string;
    parsedSections?: Record<string, Record<string, unknown> | Record<string, unknown>[]>;
  };
}

/** Looked at when a part starts: a server that renders pages may import this too. */
const page = globalThis as unknown as Managers;

/** Looks at once, and after each of these events of the window. */
function onWindow(events: string[], read: () => void): void {
  const look = () => {
    try {
      read();
    } catch {}
  };
  for (const event of events) addEventListener(event, look);
  look();
}

const managed =
  (follow: (tell: Tell) => void): Part =>
  (millrace) =>
    follow((answer) => millrace.consent(answer));

/**
 * C0002 is what OneTrust calls performance, C0004 targeting, unless the customer renamed them.
 * https://developer.onetrust.com/onetrust/docs/javascript-events-guide
 */
export const oneTrust = /* @__PURE__ */ managed((tell) =>
  onWindow(["OneTrustGroupsUpdated"], () => {
    const groups = page.OnetrustActiveGroups;
    if (groups === undefined) return;
    const answered = page.OneTrust?.IsAlertBoxClosed?.();
    const said = (group: string) => groups.split(",").includes(group) || (answered ? false : undefined);
    tell({ analytics: said("C0002"), marketing: said("C0004") });
  }),
);

/** https://www.cookiebot.com/en/developer/ */
export const cookiebot = /* @__PURE__ */ managed((tell) =>
  onWindow(["CookiebotOnConsentReady", "CookiebotOnAccept", "CookiebotOnDecline"], () => {
    const { hasResponse, consent } = page.Cookiebot || {};
    if (hasResponse && consent) tell({ analytics: !!consent.statistics, marketing: !!consent.marketing });
  }),
);

/**
 * Version 3 tells of categories, version 2 of services, each with its category: a category is allowed when all of its services are.
 * Usercentrics files analytics under `functional`, unless the customer made a category of their own.
 * https://usercentrics.com/docs/web/features/api/control-functionality/, https://docs.usercentrics.com/#/cmp-v2-ui-api
 */
export const usercentrics = /* @__PURE__ */ managed((tell) =>
  onWindow(["UC_CONSENT", "UC_UI_INITIALIZED", "UC_UI_CMP_EVENT"], () => {
    const { __ucCmp, UC_UI } = page;
    const from = (state: (categories: string[]) => boolean | undefined) =>
      tell({ analytics: state(["statistics", "analytics", "functional"]), marketing: state(["marketing"]) });
    if (__ucCmp) {
      __ucCmp.getConsentDetails().then(({ consent, categories = {} }) => {
        const answered = consent?.type?.toUpperCase() === "EXPLICIT";
        from((names) => {
          const found = names.find((name) => categories[name]);
          return answered && found ? categories[found]!.state === "ALL_ACCEPTED" : undefined;
        });
      }, Object);
    } else if (UC_UI) {
      const services = UC_UI.getServicesBaseInfo();
      const answered = services.some(({ consent }) => consent.history?.some(({ type }) => type === "explicit"));
      from((names) => {
        const found = names.find((name) => services.some(({ categorySlug }) => categorySlug === name));
        const its = services.filter(({ categorySlug }) => categorySlug === found);
        return answered && its.length ? its.every(({ consent }) => consent.status) : undefined;
      });
    }
  }),
);

/**
 * By the purposes of IAB Europe's list, which Didomi has by these names beside a customer's own.
 * https://developers.didomi.io/cmp/web-sdk/reference/api, …/reference/events
 */
export const didomi = /* @__PURE__ */ managed((tell) => {
  const said = (purposes: Record<string, { enabled: boolean }>, names: string[]) => {
    const found = names.filter((name) => purposes[name]);
    return found.length ? found.every((name) => purposes[name]!.enabled) : undefined;
  };
  let known: Didomi | undefined;
  const read = () => {
    try {
      if (!known || known.isUserConsentStatusPartial()) return;
      const { purposes } = known.getCurrentUserStatus();
      tell({
        analytics: said(purposes, ["measure_content_performance", "analytics"]),
        marketing: said(purposes, ["select_personalized_ads", "advertising_personalization", "marketing"]),
      });
    } catch {}
  };
  page.didomiOnReady ||= [] as never;
  page.didomiEventListeners ||= [] as never;
  page.didomiOnReady!.push((didomi) => {
    known = didomi;
    read();
  });
  page.didomiEventListeners!.push({ event: "consent.changed", listener: read });
});

/** As the server reads a TC string (core/consent-signals.ts), but for legitimate interests: what opens storage needs a yes. */
const TCF = { analytics: [1, 8], marketing: [1, 3, 4, 7] };

/** https://github.com/InteractiveAdvertisingBureau/GDPR-Transparency-and-Consent-Framework: CMP API v2 */
export const tcf = /* @__PURE__ */ managed((tell) =>
  whenThere("__tcfapi", (api) =>
    api("addEventListener", 2, (data, success) => {
      if (!success || !data) return;
      const { gdprApplies, eventStatus, purpose } = data;
      if (gdprApplies === false) tell({ analytics: true, marketing: true });
      else if (eventStatus !== "cmpuishown") tell(ofPurposes(purpose?.consents || {}));
    }),
  ),
);

function ofPurposes(consents: Flags): Answer {
  const all = (purposes: number[]) => purposes.every((purpose) => consents[purpose]);
  return { analytics: all(TCF.analytics), marketing: all(TCF.marketing) };
}

const OPT_OUTS = ["SaleOptOut", "SharingOptOut", "TargetedAdvertisingOptOut"];

/**
 * The states of the USA let people object (1) to sale, sharing and targeted advertising, and ask nobody for analytics; where the
 * section is Europe's, it says what TCF says.
 * https://github.com/InteractiveAdvertisingBureau/Global-Privacy-Platform: CMP API, and the sections' fields
 */
export const gpp = /* @__PURE__ */ managed((tell) =>
  whenThere("__gpp", (api) =>
    api("addEventListener", (event, success) => {
      const { signalStatus, parsedSections = {} } = (success && event?.pingData) || {};
      if (signalStatus !== "ready") return;
      for (const name in parsedSections) {
        const section = Object.assign({}, ...[parsedSections[name]].flat()) as Record<string, unknown>;
        const list = section.PurposeConsents as boolean[] | undefined;
        if (list) tell(ofPurposes(Object.fromEntries(list.map((given, i) => [i + 1, given]))));
        else if (name.startsWith("us"))
          tell({ analytics: true, marketing: OPT_OUTS.every((field) => section[field] !== 1) });
      }
    }),
  ),
);

/** A manager's function may come after us. It is looked for, for half a minute at the most. */
function whenThere<Name extends "__tcfapi" | "__gpp">(
  name: Name,
  start: (api: NonNullable<Managers[Name]>) => void,
): void {
  let tries = 0;
  const look = () => {
    const api = page[name];
    if (!api) {
      if (++tries < 300) setTimeout(look, 100);
      return;
    }
    try {
      start(api as NonNullable<Managers[Name]>);
    } catch {}
  };
  look();
}

/** By the names that `data-consent-manager` has for them. */
export const CONSENT_MANAGERS: Record<string, Part> = {
  onetrust: oneTrust,
  cookiebot,
  usercentrics,
  didomi,
  tcf,
  gpp,
};
