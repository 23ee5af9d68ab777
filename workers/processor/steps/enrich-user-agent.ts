import UAParser from "ua-parser-js";
import type { EventContext } from "../../../core/event.ts";
import { keep, type Step } from "../step.ts";

type Parsed = Pick<EventContext, "browser" | "os" | "device">;

/** Parsing takes 50 µs and sites see the same few thousand strings: the whole cache is dropped when it is full. */
const MOST_CACHED = 5_000;
/** Longer ones are nobody's browser, and an isolate's memory is small. */
const LONGEST_CACHED = 512;
const cache = new Map<string, Parsed>();

/** Browser, operating system and device class from the user agent. Nothing is invented: what is not known stays absent. */
export const enrichUserAgent: Step = {
  name: "enrich_user_agent",
  run(event) {
    const { user_agent } = event.context;
    if (!user_agent) return keep(event);
    const parsed = parse(user_agent);
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

function defined<T extends Record<string, string | undefined>>(values: T) {
  return Object.fromEntries(Object.entries(values).filter(([, v]) => v !== undefined)) as { [K in keyof T]: string };
}
