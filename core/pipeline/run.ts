/**
 * Runs a pipeline's stages over one event. Nothing here waits unless a step does (JSONata, functions): most pipelines run through in
 * one go, and only those that wait cost a promise.
 */
import type { Event } from "../event.ts";
import { type PipelineDocument, pipelineDocument } from "../pipeline.ts";
import { isRecord } from "../values.ts";
import { Draft } from "./draft.ts";
import { compilePii } from "./pii.ts";
import { isAmong } from "./published.ts";
import { type CompiledStep, compileStep, type Policy, type Resources, type StepOutcome, type Subject } from "./step.ts";
import { compileCondition } from "./value.ts";

export const STAGES = ["select", "transform", "enrich", "map", "enrich_for_vendor", "pii", "custom", "output"] as const;
export type Stage = (typeof STAGES)[number];

/** What a stage was left with. `skipped`: steps that failed and were passed over. */
export type StageOutcome<T> =
  | { outcome: "kept"; value: T; skipped: number }
  | { outcome: "filtered"; reason: "filtered_by_pipeline" | "sampled_out"; detail: string }
  | { outcome: "failed"; policy: "drop" | "quarantine"; detail: string };

/** For the preview: called after each step with what it was given and what it left. */
export type Trace = (record: {
  stage: Stage;
  step: string;
  before: unknown;
  after: unknown;
  outcome: "kept" | "skipped" | "filtered" | "failed";
  detail?: string;
}) => void;

export interface CompiledPipeline {
  document: PipelineDocument;
  /** Sampling, the pipeline's own condition, and stages 1 to 5. */
  shape(event: Event, context: RunContext): StageOutcome<Event> | Promise<StageOutcome<Event>>;
  /** Stage 6. */
  customise(event: Event, payload: object, context: RunContext): StageOutcome<object> | Promise<StageOutcome<object>>;
}

export interface RunContext {
  source_id: string;
  resources: Resources;
  trace?: Trace;
}

interface StagedStep extends CompiledStep {
  stage: Stage;
}

/** Throws where the document is none: what is published was checked when it was saved, maybe by an older version of this code. */
export function compilePipeline(pipelineId: string, written: unknown): CompiledPipeline {
  const document = pipelineDocument.parse(written);
  const { on_error } = document;
  const staged = (stage: "transform" | "enrich" | "map" | "enrich_for_vendor" | "custom"): StagedStep[] =>
    document[stage].map((step, i) => ({ stage, ...compileStep(step, i, on_error) }));
  const before: StagedStep[] = [
    ...staged("transform"),
    ...staged("enrich"),
    ...staged("map"),
    ...staged("enrich_for_vendor"),
  ];
  const after = staged("custom");
  const treat = document.pii.length ? compilePii(document.pii) : undefined;
  if (treat) {
    const run = ({ event }: Subject): StepOutcome => void treat(event as Draft<Event>);
    before.push({ stage: "pii", name: "treat personal data", on_error: on_error === "skip" ? "drop" : on_error, run });
  }
  const isSelected = selection(pipelineId, document);

  return {
    document,
    shape(event, context) {
      const refused = isSelected?.(event, context);
      if (refused) return refused;
      if (before.length === 0) return { outcome: "kept", value: event, skipped: 0 };
      const draft = new Draft<Event>(event);
      const { source_id, resources, trace } = context;
      const subject: Subject = { event: draft as Draft<object>, source_id, resources };
      return runSteps(before, subject, draft, checkEvent, trace);
    },
    customise(event, payload, { source_id, resources, trace }) {
      if (after.length === 0) return { outcome: "kept", value: payload, skipped: 0 };
      const draft = new Draft<object>(payload);
      const subject: Subject = { event: new Draft<object>(event), payload: draft, source_id, resources };
      return runSteps(after, subject, draft, undefined, trace);
    },
  };
}

/** Whether the event's visitor is in the sample, and the pipeline's own condition holds. Undefined where everything is selected. */
function selection(pipelineId: string, { sample, when, on_error }: PipelineDocument) {
  if (!sample && when === undefined) return undefined;
  const condition = when === undefined ? undefined : compileCondition(when);
  return (
    event: Event,
    { source_id, trace }: RunContext,
  ): Exclude<StageOutcome<Event>, { outcome: "kept" }> | undefined => {
    const told = (outcome: "filtered" | "failed" | "skipped", detail: string) =>
      trace?.({
        stage: "select",
        step: outcome === "filtered" && sample && !condition ? "sample" : "when",
        before: event,
        after: event,
        outcome,
        detail,
      });
    if (sample && !isAmong(`sample ${pipelineId}`, event.anonymous_id, sample.percent)) {
      const detail = `of ${sample.percent} % of visitors this is none`;
      told("filtered", detail);
      return { outcome: "filtered", reason: "sampled_out", detail };
    }
    if (!condition) return undefined;
    const { holds, detail } = condition({ event, source_id });
    if (detail !== undefined) {
      told(on_error === "skip" ? "skipped" : "failed", detail);
      return on_error === "skip" ? undefined : { outcome: "failed", policy: on_error, detail: `when: ${detail}` };
    }
    if (holds) return undefined;
    told("filtered", `not ${when}`);
    return { outcome: "filtered", reason: "filtered_by_pipeline", detail: `not ${when!.slice(0, 200)}` };
  };
}

/** The steps in order from `at` on. A failed step leaves what it was given. */
function runSteps<T extends object>(
  steps: StagedStep[],
  subject: Subject,
  draft: Draft<T>,
  check: ((value: T) => string | undefined) | undefined,
  trace: Trace | undefined,
  at = 0,
  skipped = 0,
): StageOutcome<T> | Promise<StageOutcome<T>> {
  let passedOver = skipped;
  for (let i = at; i < steps.length; i++) {
    const step = steps[i]!;
    const before = draft.value;
    // A step that fails half-way must not have written to what it leaves; and a preview keeps what was before.
    if (trace || step.on_error === "skip") draft.seal();
    const outcome = attempt(step, subject);
    if (outcome instanceof Promise) {
      return outcome.then((settled) => {
        const verdict = judge(step, settled ?? problemOf(check, draft), before, draft, trace);
        if (verdict === "skipped") passedOver++;
        if (typeof verdict === "object") return verdict;
        return runSteps(steps, subject, draft, check, trace, i + 1, passedOver);
      });
    }
    const verdict = judge(step, outcome ?? problemOf(check, draft), before, draft, trace);
    if (verdict === "skipped") passedOver++;
    if (typeof verdict === "object") return verdict;
  }
  return { outcome: "kept", value: draft.value, skipped: passedOver };
}

/** Code of ours that throws over one event is a failed step, and fails no other event. */
function attempt(step: StagedStep, subject: Subject): StepOutcome | Promise<StepOutcome> {
  const failed = (error: unknown): StepOutcome => ({ failed: String(error) });
  try {
    const outcome = step.run(subject);
    return outcome instanceof Promise ? outcome.catch(failed) : outcome;
  } catch (error) {
    return failed(error);
  }
}

function problemOf<T extends object>(
  check: ((value: T) => string | undefined) | undefined,
  draft: Draft<T>,
): StepOutcome {
  const problem = check?.(draft.value);
  return problem === undefined ? undefined : { failed: problem };
}

function judge<T extends object>(
  { stage, name, on_error }: { stage: Stage; name: string; on_error: Policy },
  outcome: StepOutcome,
  before: T,
  draft: Draft<T>,
  trace: Trace | undefined,
): "kept" | "skipped" | Exclude<StageOutcome<T>, { outcome: "kept" }> {
  if (!outcome) {
    trace?.({ stage, step: name, before, after: draft.value, outcome: "kept" });
    return "kept";
  }
  const where = `${stage}, ${name}`;
  if ("filtered" in outcome) {
    trace?.({ stage, step: name, before, after: before, outcome: "filtered", detail: outcome.filtered });
    return { outcome: "filtered", reason: "filtered_by_pipeline", detail: `${where}: ${outcome.filtered}` };
  }
  trace?.({
    stage,
    step: name,
    before,
    after: before,
    outcome: on_error === "skip" ? "skipped" : "failed",
    detail: outcome.failed,
  });
  if (on_error === "skip") {
    draft.replace(before);
    draft.seal();
    return "skipped";
  }
  return { outcome: "failed", policy: on_error, detail: `${where}: ${outcome.failed}` };
}

/** What the destinations' mappings rely on. The envelope was checked before, and steps may write only to some of it. */
function checkEvent(event: Event): string | undefined {
  if (typeof event.event !== "string" || event.event === "" || event.event.length > 256)
    return "event is no name of 1 to 256 characters";
  if (!isRecord(event.properties)) return "properties is no object";
  if (!isRecord(event.context)) return "context is no object";
  if (event.traits !== undefined && !isRecord(event.traits)) return "traits is no object";
  for (const id of ["user_id", "group_id"] as const) {
    const held = event[id];
    if (held !== undefined && (typeof held !== "string" || held === "" || held.length > 256))
      return `${id} is no text of 1 to 256 characters`;
  }
  if (typeof event.timestamp !== "string" || Number.isNaN(Date.parse(event.timestamp))) return "timestamp is no time";
  const { page, vendor_ids, user_agent, ip } = event.context;
  if (page !== undefined && !isRecord(page)) return "context.page is no object";
  if (vendor_ids !== undefined && !isRecord(vendor_ids)) return "context.vendor_ids is no object";
  if (user_agent !== undefined && typeof user_agent !== "string") return "context.user_agent is no text";
  if (ip !== undefined && typeof ip !== "string") return "context.ip is no text";
  return undefined;
}
