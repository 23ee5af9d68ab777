import type { Part } from "../client.ts";

/** What the browser tells of, as far as it is read here. */
interface Entry extends PerformanceEntry {
  hadRecentInput: boolean;
  value: number;
  interactionId: number;
}

/**
 * Largest contentful paint, interaction to next paint, first contentful paint, time to first byte (milliseconds) and cumulative
 * layout shift, as https://web.dev/articles/vitals defines them; told once, when the page is first left or hidden.
 */
export const webVitals: Part = (millrace) => {
  const vitals: Record<string, number> = {};
  const start = (performance.getEntriesByType("navigation")[0] || {}) as {
    activationStart?: number;
    responseStart?: number;
  };
  const shown = start.activationStart || 0;
  const since = (at: number) => Math.round(Math.max(0, at - shown));
  /** Of each interaction the longest event. */
  const interactions: Record<number, number> = {};
  let shift = 0;
  let shiftBegan = 0;
  let shiftEnded = 0;

  const observe = (type: string, read: (entry: Entry) => void) => {
    try {
      new PerformanceObserver((list) => (list.getEntries() as Entry[]).forEach(read)).observe({
        type,
        buffered: true,
        durationThreshold: 40,
      } as PerformanceObserverInit);
    } catch {} // a browser that does not measure it
  };
  observe("largest-contentful-paint", ({ startTime }) => {
    vitals.lcp = since(startTime);
  });
  observe("paint", ({ name, startTime }) => {
    if (name[6] === "c") vitals.fcp = since(startTime);
  });
  observe("event", ({ interactionId, duration }) => {
    if (interactionId) interactions[interactionId] = Math.max(interactions[interactionId] || 0, duration);
  });
  // Shifts within a second of each other are one, for at most five seconds: the worst counts.
  observe("layout-shift", ({ hadRecentInput, value, startTime }) => {
    if (hadRecentInput) return;
    if (startTime - shiftEnded > 1_000 || startTime - shiftBegan > 5_000) {
      shiftBegan = startTime;
      shift = 0;
    }
    shiftEnded = startTime;
    shift += value;
    vitals.cls = Math.max(vitals.cls || 0, Math.round(shift * 1e4) / 1e4);
  });

  let told = false;
  millrace.on("leave", (properties) => {
    if (told) return;
    told = true;
    if (start.responseStart) vitals.ttfb = since(start.responseStart);
    // Of every fifty interactions the worst is left out.
    const longest = Object.values(interactions).sort((a, b) => b - a);
    if (longest[0]) vitals.inp = longest[Math.floor(longest.length / 50)]!;
    Object.assign(properties, vitals);
  });
};
