/**
 * A pipeline: what is done to events on their way from sources to integrations (Layer 2), as a document that a person can read. One
 * without an integration is shared: its transformations and lookups run once for an event, before each integration's own pipeline. An
 * empty document leaves everything to the destination's own mapping. docs/pipelines.md has examples.
 */
import * as z from "zod";
import { type PiiRule, piiRule } from "./pipeline/pii.ts";
import { payloadStep, policy, type Step, step, type Verb } from "./pipeline/step.ts";
import { condition } from "./pipeline/value.ts";

/** UTF-8 of a document as JSON. */
export const DOCUMENT_BYTES = 128_000;
const MOST_STEPS = 100;

const stepsWithout = (refused: Verb[], one: typeof step = step) =>
  z
    .array(
      one.superRefine((written, issues) => {
        const found = refused.find((verb) => written[verb] !== undefined);
        if (found)
          issues.addIssue({ code: "custom", path: [found], message: `${found} does not belong in this stage` });
      }),
    )
    .max(MOST_STEPS)
    .default([]);

export const pipelineDocument = z.strictObject({
  /** What becomes of an event on which a step fails, where the step says nothing else. */
  on_error: policy.default("quarantine"),
  /** Only events for which it holds are sent. */
  when: condition.optional(),
  /** Percent of visitors whose events are sent, always the same ones. */
  sample: z.strictObject({ percent: z.number().min(0).max(100) }).optional(),
  /** 1. What the event is, for everyone after it. */
  transform: stepsWithout([]),
  /** 2. What uploaded tables know of it. */
  enrich: stepsWithout(["function", "jsonata", "rename_event", "list", "move"]),
  /** 3. The event as the vendor's own mapping should find it: names, fields, products. */
  map: stepsWithout(["function"]),
  /** 4. What only this vendor is told. */
  enrich_for_vendor: stepsWithout(["function", "jsonata", "rename_event", "list", "move"]),
  /** 5. What this vendor is not told, or only as a hash. */
  pii: z.array(piiRule).max(100).default([]),
  /** 6. The vendor's payload, after its own mapping made it: `payload.…` and `event.…` are read, the payload is written. */
  custom: stepsWithout(["rename_event", "lookup"], payloadStep),
  /** 7. Whether a payload that the vendor would refuse is stopped here. */
  output: z.strictObject({ on_error: policy.default("quarantine") }).prefault({}),
});
export type PipelineDocument = z.infer<typeof pipelineDocument>;
export type { PiiRule, Step };

/** Sections that speak of one vendor: a shared pipeline has none. */
export const OF_ONE_VENDOR = ["map", "enrich_for_vendor", "pii", "custom"] as const;

/** The tables that a document looks things up in. */
export function tablesOf(document: PipelineDocument): string[] {
  const all = [...document.transform, ...document.enrich, ...document.map, ...document.enrich_for_vendor];
  return [...new Set(all.flatMap(({ lookup }) => (lookup ? [lookup.table] : [])))];
}

/** What is wrong with a document, each with its path. Where zod wraps a reason in another one (a key of a record), the inner one. */
export function problemsOf({ issues }: z.ZodError): { path: string; message: string }[] {
  return issues.map((issue) => {
    const inner = issue.code === "invalid_key" ? issue.issues[0] : undefined;
    return { path: issue.path.join("."), message: inner?.message ?? issue.message };
  });
}
