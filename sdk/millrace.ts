/** The script of the tag: it puts `window.millrace` in place, starts it as the tag's attributes say, and plays back the calls made so far. */

import type { ScriptPart } from "../core/script-settings.ts";
import { engagement } from "./auto/engagement.ts";
import { forms } from "./auto/forms.ts";
import { downloads, outboundLinks } from "./auto/links.ts";
import { notFound } from "./auto/not-found.ts";
import { pageViews } from "./auto/page-views.ts";
import { scrollDepth } from "./auto/scroll-depth.ts";
import { webVitals } from "./auto/web-vitals.ts";
import { type Call, type ConsentMode, createMillrace, type Millrace, type Part } from "./client.ts";

/** By the names that `data-auto` has for them. */
const PARTS: Record<ScriptPart, Part> = {
  page: pageViews,
  outbound: outboundLinks,
  downloads,
  forms,
  scroll: scrollDepth,
  engagement,
  vitals: webVitals,
  "not-found": notFound,
};

declare global {
  interface Window {
    /** Until the script has loaded, an array that the page pushes its calls to. */
    millrace?: Millrace | Call[];
    /** What the source says of its own script, as the tag's attributes say it (workers/browser-script.ts). */
    millraceSettings?: DOMStringMap;
  }
}

const before = window.millrace;
if (!(before as Millrace | undefined)?.version) {
  const tag = document.currentScript as HTMLScriptElement | null;
  const millrace = createMillrace(eventsUrl(tag?.src));
  window.millrace = millrace;

  if (Array.isArray(before)) {
    millrace.push(...before);
    before.push = millrace.push as typeof before.push; // whoever still holds the array
  }
  const settings = { ...window.millraceSettings, ...tag?.dataset };
  const { writeKey, host, auto, hash, consent, consentManager, hub, linked } = settings;
  if (writeKey) {
    millrace.init({
      writeKey,
      host,
      auto: (auto === undefined ? Object.keys(PARTS) : words(auto)).flatMap((name) => PARTS[name as ScriptPart] || []),
      hash: isOn(hash),
      consent: consent as ConsentMode,
      consentManager,
      hub,
      linked: words(linked),
    });
  }
}

/** An attribute that is there, and does not say `false`. */
function isOn(attribute = "false"): boolean {
  return attribute !== "false";
}

function words(attribute = ""): string[] {
  return attribute.match(/[^\s,]+/g) || [];
}

/** Under a path of the customer's own choice, events are taken at `e` beside the script. */
function eventsUrl(script = ""): string | undefined {
  if (!/^https?:/.test(script)) return undefined; // written into the page, or from a file or a blob
  return new URL(new URL(script).pathname === "/millrace.js" ? "/v1/batch" : "e", script).href;
}
