/** Places in an event or payload as a pipeline names them: `properties.products.0.sku`. */
import * as z from "zod";

const MOST_SEGMENTS = 16;
/** No event holds these of its own, and everything else does. */
const FORBIDDEN = new Set(["__proto__", "prototype", "constructor"]);

export const path = z
  .string()
  .min(1)
  .max(256)
  .refine((written) => {
    const segments = written.split(".");
    return segments.length <= MOST_SEGMENTS && segments.every((one) => one !== "" && !FORBIDDEN.has(one));
  }, `a path is up to ${MOST_SEGMENTS} names with dots between them`);

/** What was decided before a pipeline saw the event. To change it here would go round consent, or break what knows events by it. */
const FIXED = [
  "message_id",
  "anonymous_id",
  "received_at",
  "type",
  "integrations",
  "context.consent",
  "context.purposes",
  "context.session",
];
/** Objects that an event must have as a whole. */
const WHOLE = new Set(["properties", "context"]);

/** A path that a step may write to or remove. */
export const writablePath = path.superRefine((written, issues) => {
  const fixed = FIXED.find((one) => written === one || written.startsWith(`${one}.`));
  if (fixed) issues.addIssue({ code: "custom", message: `${fixed} is decided before a pipeline, and stays as it is` });
  if (WHOLE.has(written)) issues.addIssue({ code: "custom", message: `${written} can be changed only in its parts` });
});

export const segmentsOf = (written: string): readonly string[] => written.split(".");

/** What stands there, or undefined. Never anything that is inherited. */
export function read(from: unknown, segments: readonly string[]): unknown {
  let at = from;
  for (const segment of segments) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, segment)) return undefined;
    at = (at as Record<string, unknown>)[segment];
  }
  return at;
}
