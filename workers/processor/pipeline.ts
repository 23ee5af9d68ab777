/**
 * What happens to an event, as a table of contents. Layer 1 runs for every event of the organisation, Layer 2 for each
 * integration that its source feeds. Between the two halves of Layer 1 stands one call for each shard (index.ts).
 */
import type { Integration } from "../../core/environment.ts";
import type { Event } from "../../core/event.ts";
import type { Resources } from "../../core/pipeline/step.ts";
import type { StepRecord } from "../../core/receipt.ts";
import type { PlanViolation } from "../../core/tracking-plan/check-event.ts";
import { destinationNamed } from "../delivery/destinations/index.ts";
import { mapThroughPipelines } from "./layer2.ts";
import type { Mapped } from "./map-for-integration.ts";
import type { ShardStep, Step, StepContext, Verdict } from "./step.ts";
import { addPerson } from "./steps/add-person.ts";
import { addRequestFacts } from "./steps/add-request-facts.ts";
import { addVisitorFacts } from "./steps/add-visitor-facts.ts";
import { classifyBotStep } from "./steps/classify-bot.ts";
import { classifyPii } from "./steps/classify-pii.ts";
import { cleanse } from "./steps/cleanse.ts";
import { correctClock } from "./steps/correct-clock.ts";
import { dropDuplicate } from "./steps/drop-duplicate.ts";
import { dropForgotten } from "./steps/drop-forgotten.ts";
import { enforceConsent } from "./steps/enforce-consent.ts";
import { enforceTypes } from "./steps/enforce-types.ts";
import { enrichGeography } from "./steps/enrich-geography.ts";
import { enrichUserAgent } from "./steps/enrich-user-agent.ts";
import { normaliseValues } from "./steps/normalise-values.ts";
import { standardiseFields } from "./steps/standardise-fields.ts";
import { validateSchema } from "./steps/validate-schema.ts";

/** Layer 1, in the order an event meets it. */
export const beforeShard: Step[] = [
  validateSchema,
  correctClock,
  standardiseFields,
  enforceTypes,
  normaliseValues,
  cleanse,
  addRequestFacts,
  // After the request's facts, which are personal too, and before anything is learnt from what must go.
  classifyPii,
  enrichGeography,
  enrichUserAgent,
  classifyBotStep,
];
export const afterShard: ShardStep[] = [dropForgotten, dropDuplicate, addVisitorFacts, addPerson, enforceConsent];

/** Layer 2: one integration's payload, or the reason why it gets none. A promise only where a step of its pipeline waits. */
export function runLayer2(
  event: Event,
  context: StepContext,
  integration: Integration,
  resources: Resources,
): Mapped | Promise<Mapped> {
  const { environment, source_id } = context;
  const destination = destinationNamed(integration.destination);
  return mapThroughPipelines(event, { environment, source_id, resources }, integration, destination);
}

export interface Ran {
  /** The last step's verdict, with the event as it is then. */
  verdict: Verdict;
  records: StepRecord[];
  /** Of the tracking plan. */
  violations: PlanViolation[];
}

/** Runs steps until one does not keep the event, and writes down what each did. */
export function run<C>(
  steps: { name: string; run(event: Event, context: C): Verdict }[],
  event: Event,
  context: C,
): Ran {
  const records: StepRecord[] = [];
  let violations = NONE;
  let current: Verdict = { verdict: "kept", event, changed: [] };
  for (const step of steps) {
    if (current.verdict !== "kept") break;
    current = step.run(current.event, context);
    if (current.violations) violations = current.violations;
    records.push(
      current.verdict === "kept"
        ? {
            step: step.name,
            verdict: "kept",
            changed: summary(current.changed),
            ...(current.detail !== undefined && { detail: current.detail }),
          }
        : {
            step: step.name,
            verdict: current.verdict,
            changed: [],
            reason: current.reason,
            ...(current.detail !== undefined && { detail: current.detail }),
          },
    );
  }
  return { verdict: current, records, violations };
}

const NONE: PlanViolation[] = [];

const MOST_PATHS = 50;
const PATH_LENGTH = 200;

/** Customers choose the paths: written out in full, those of one event could be longer than the shard's row for it. */
function summary(changed: string[]): string[] {
  const paths = changed.slice(0, MOST_PATHS).map((path) => path.slice(0, PATH_LENGTH));
  return changed.length > MOST_PATHS ? [...paths, `and ${changed.length - MOST_PATHS} more`] : paths;
}
