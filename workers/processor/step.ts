/** What a processing step is: one function over one event. It mutates nothing, logs nothing and counts nothing. */
import type { Environment } from "../../core/environment.ts";
import type { Event } from "../../core/event.ts";
import type { PiiKeys } from "../../core/pii/pii-keys.ts";
import type { RequestFacts } from "../../core/queue-messages.ts";
import type { Reason } from "../../core/receipt.ts";
import type { PlanViolation } from "../../core/tracking-plan/check-event.ts";
import type { Decision } from "../../durable-objects/visitor-shard.ts";
import type { PersonFacts } from "./ask-profile-shards.ts";

export type Verdict = Outcome & {
  /** What the tracking plan has against the event, whatever became of it. The caller counts it. */
  violations?: PlanViolation[];
};

type Outcome =
  | { verdict: "kept"; event: Event; changed: string[]; detail?: string }
  /** Wanted, correct, and at its end: a duplicate, for example. */
  | { verdict: "dropped"; reason: Reason; detail?: string }
  /** Wrong: kept aside with its reason, to be looked at. */
  | { verdict: "quarantined"; reason: Reason; detail: string };

/** The event as it should go on; `changed` names the paths that are new, other or gone. */
export const keep = (event: Event, changed: string[] = [], detail?: string): Verdict =>
  detail === undefined ? { verdict: "kept", event, changed } : { verdict: "kept", event, changed, detail };
export const drop = (reason: Reason, detail?: string): Verdict =>
  detail === undefined ? { verdict: "dropped", reason } : { verdict: "dropped", reason, detail };
export const quarantine = (reason: Reason, detail: string): Verdict => ({ verdict: "quarantined", reason, detail });

export interface StepContext {
  environment: Environment;
  source_id: string;
  request: RequestFacts;
  /** From the browser's cookies. */
  vendor_ids: Record<string, string>;
  /** The organisation's, for hashes and tokens of personal data; undefined where the Worker has no PII_KEY. */
  pii_keys?: PiiKeys | undefined;
}

export interface Step {
  name: string;
  run(event: Event, context: StepContext): Verdict;
}

/** A step behind the shard: it also has the shard's answer. */
export interface ShardStep {
  name: string;
  run(event: Event, context: StepContext & { shard: Decision; person?: PersonFacts | undefined }): Verdict;
}
