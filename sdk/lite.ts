/**
 * The small script: page views, goals and where the visitor came from, for a page that wants nothing else. It keeps nothing in the
 * browser and repeats nothing; a visitor is who the server's `_dfid` cookie says.
 *
 *     <script defer src="https://data.example.com/millrace.lite.js" data-write-key="wk_…"></script>
 */
import { uuid } from "./uuid.ts";

const script = document.currentScript as HTMLScriptElement;
const { writeKey, host, cookieless } = script.dataset;
const url = new URL("/v1/batch", host || script.src).href;
const withCookies = (cookieless ?? "false") === "false";
let referrer = document.referrer;
let here = "";
let campaign: Record<string, string> = {};

function send(type: "page" | "track", event?: string, properties: object = {}): void {
  try {
    const { pathname: path, search } = location;
    const page = { url: location.href.split("#")[0]!, path, search, title: document.title, referrer };
    const timestamp = new Date().toISOString();
    const context = { page, campaign, locale: navigator.language, library: { name: "millrace.lite.js" } };
    const batch = [{ message_id: uuid(), type, event, properties, context, timestamp }];
    fetch(url, {
      method: "POST",
      body: JSON.stringify({ write_key: writeKey, sent_at: timestamp, batch }),
      keepalive: true,
      credentials: withCookies ? "include" : "omit",
    }).catch(() => {});
  } catch {}
}

/** A page view, unless the address is that of the last one but for its fragment. */
function look(): void {
  const now = location.href.split("#")[0]!;
  if (now === here) return;
  if (here) referrer = here;
  here = now;
  const found: Record<string, string> = {};
  new URLSearchParams(location.search).forEach((value, key) => {
    if (key.startsWith("utm_")) found[key === "utm_campaign" ? "name" : key.slice(4)] = value;
  });
  if (Object.keys(found).length) campaign = found;
  send("page");
}

const before = window.millrace;
const track = (event: string, properties?: object) => send("track", event, properties);
const methods = { track, goal: (name: string, value?: number) => track(name, { value }), page: () => send("page") };
const push = (...calls: [string, ...unknown[]][]) => {
  for (const [method, ...args] of calls)
    (methods as Record<string, (...args: never[]) => void>)[method]?.(...(args as never[]));
};
(window as { millrace?: unknown }).millrace = { ...methods, push };

for (const method of ["pushState", "replaceState"] as const) {
  const original = history[method];
  history[method] = function (...args) {
    original.apply(this, args);
    look();
  };
}
addEventListener("popstate", look);
addEventListener("pageshow", (event) => event.persisted && send("page"));
look();
if (Array.isArray(before)) push(...(before as [string, ...unknown[]][]));
