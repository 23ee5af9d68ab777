/** What a batch showed of its events' schemas, added up and told to each environment's SchemaWatch: off the hot path, once a batch. */
import type { Environment } from "../../core/environment.ts";
import type { Event } from "../../core/event.ts";
import { PII_CLASSES } from "../../core/org-data-layer/pii.ts";
import { findInText } from "../../core/pii/find-in-text.ts";
import { classOfField } from "../../core/pii/treat-event.ts";
import type { PlanViolation } from "../../core/tracking-plan/check-event.ts";
import { shapeName, shapesOf } from "../../core/tracking-plan/shape.ts";
import type { ViolationCount } from "../../durable-objects/schema-watch.ts";
import type { ProcessorEnv } from "../env.ts";

/** The shape of traffic is a sample: each isolate tells of one batch in so many seconds, and of so many of its events. */
const SAMPLE_EVERY_MS = 30_000;
const SAMPLE_EVENTS = 100;
/** Of one batch, for one environment: what is wrong is wrong in the same way again and again. */
const MOST_VIOLATIONS = 500;
const SAMPLE_LENGTH = 80;

const sampledAt = new Map<string, number>();

interface Seen {
  events: Event[];
  violations: Map<string, ViolationCount>;
  isSampled: boolean;
}

export class SchemaReport {
  readonly #seen = new Map<string, Seen>();

  /** `event` as it came in. */
  add({ id }: Environment, event: Event, violations: PlanViolation[]): void {
    let seen = this.#seen.get(id);
    if (!seen) {
      seen = { events: [], violations: new Map(), isSampled: Date.now() - (sampledAt.get(id) ?? 0) >= SAMPLE_EVERY_MS };
      this.#seen.set(id, seen);
    }
    if (seen.isSampled && seen.events.length < SAMPLE_EVENTS) seen.events.push(event);
    for (const violation of violations) count(seen.violations, shapeName(event), violation);
  }

  /** What is lost here costs nobody anything: it never fails a message. */
  async send(env: Pick<ProcessorEnv, "SCHEMA_WATCH">): Promise<void> {
    const reports = [...this.#seen].map(async ([id, { events, violations }]) => {
      if (events.length === 0 && violations.size === 0) return;
      if (events.length) sampledAt.set(id, Date.now());
      await env.SCHEMA_WATCH.getByName(id).report(shapesOf(events), [...violations.values()]);
    });
    await Promise.allSettled(reports);
  }
}

function count(all: Map<string, ViolationCount>, event: string, { path: exact, keyword, value }: PlanViolation): void {
  const path = exact.replace(/\.\d+(?=\.|$)/g, ".*").slice(0, 200);
  const key = `${event}\n${path}\n${keyword}`;
  const known = all.get(key);
  if (known) known.count++;
  else if (all.size < MOST_VIOLATIONS) {
    const sample = value === undefined ? undefined : redacted(value, path);
    all.set(key, { event, path, keyword, count: 1, ...(sample !== undefined && { sample }) });
  }
}

const ALL_CLASSES = new Set(PII_CLASSES);

/** A value that is personal, or might hold what is, is shown as what it is and not as itself: whatever the policy allows elsewhere. */
export function redacted(value: unknown, path: string): string {
  const end = path.lastIndexOf(".");
  const pii = classOfField(path.slice(end + 1), path.slice(0, end));
  if (pii) return `[${pii}]`;
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "[array]" : "[object]";
  const text = String(value);
  const [found] = findInText(text, ALL_CLASSES);
  return found ? `[${found.class}]` : text.slice(0, SAMPLE_LENGTH);
}
