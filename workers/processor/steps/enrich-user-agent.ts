import UAParser from "ua-parser-js";
import type { EventContext } from "../../../core/event.ts";
import { isRecord } from "../../../core/values.ts";
import { keep, type Step } from "../step.ts";

type Parsed = Pick<EventContext, "browser" | "os" | "device">;

/** Parsing takes 50 µs and sites see the same few thousand strings: the whole cache is dropped when it is full. */
const MOST_CACHED = 5_000;
/** Longer ones are nobody's browser, and an isolate's memory is small. */
const LONGEST_CACHED = 512;
const cache = new Map<string, Parsed>();

/**
 * Browser, operating system and device class from the user agent and the browser's client hints, which tell what user agents no longer
 * do (https://wicg.github.io/ua-client-hints/). Nothing is invented: what is not known stays absent.
 */
export const enrichUserAgent: Step = {
  name: "enrich_user_agent",
  run(event) {
    const { user_agent } = event.context;
    if (!user_agent) return keep(event);
    const { client_hints } = event.context;
    const parsed = isRecord(client_hints) ? refined(parse(user_agent), client_hints) : parse(user_agent);
    const changed = (["browser", "os", "device"] as const).filter((key) => parsed[key] && !event.context[key]);
    if (changed.length === 0) return keep(event);
    const context = { ...event.context };
    for (const key of changed) context[key] = parsed[key];
    return keep(
      { ...event, context },
      changed.map((key) => `context.${key}`),
    );
  },
};

function parse(userAgent: string): Parsed {
  const known = cache.get(userAgent);
  if (known) return known;
  const { browser, os, device } = new UAParser(userAgent).getResult();
  const parsed: Parsed = {
    ...(browser.name && { browser: defined({ name: browser.name, version: browser.version }) }),
    ...(os.name && { os: defined({ name: os.name, version: os.version }) }),
    // The parser names a device class only where it is not a desktop.
    ...((device.type || browser.name) && {
      device: defined({ type: device.type ?? "desktop", vendor: device.vendor, model: device.model }),
    }),
  };
  if (cache.size >= MOST_CACHED) cache.clear();
  if (userAgent.length <= LONGEST_CACHED) cache.set(userAgent, parsed);
  return parsed;
}

/** By platform: ua-parser-js's name for it, and its version by what the hint says. */
const PLATFORMS: Record<string, { name: string; versionOf(hint: string): string | undefined }> = {
  // https://learn.microsoft.com/microsoft-edge/web-platform/how-to-detect-win11: 13 and above is 11, 1 to 10 is 10, 0 is older.
  Windows: {
    name: "Windows",
    versionOf: (hint) => (Number(major(hint)) >= 13 ? "11" : Number(major(hint)) > 0 ? "10" : undefined),
  },
  macOS: { name: "Mac OS", versionOf: (hint) => hint },
  Android: { name: "Android", versionOf: (hint) => major(hint) },
  "Chrome OS": { name: "Chromium OS", versionOf: (hint) => hint },
  Linux: { name: "Linux", versionOf: () => undefined },
};

function refined(parsed: Parsed, hints: Record<string, unknown>): Parsed {
  const hint = (name: string) => {
    const value = hints[`sec-ch-ua-${name}`];
    return typeof value === "string" ? value.replace(/^"|"$/g, "") : "";
  };
  const platform = Object.hasOwn(PLATFORMS, hint("platform")) ? PLATFORMS[hint("platform")] : undefined;
  if (!platform) return parsed;
  const told = hint("platform-version");
  const version = told ? platform.versionOf(told) : undefined;
  const model = hint("model");
  return {
    ...parsed,
    os: defined({ name: platform.name, version: version ?? (told ? undefined : parsed.os?.version) }),
    // A user agent's own model is "K" today, on every device.
    ...(model && { device: { ...parsed.device, model } }),
  };
}

const major = (version: string) => version.split(".", 1)[0]!;

function defined<T extends Record<string, string | undefined>>(values: T) {
  return Object.fromEntries(Object.entries(values).filter(([, v]) => v !== undefined)) as { [K in keyof T]: string };
}
