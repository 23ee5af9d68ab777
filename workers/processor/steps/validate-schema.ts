import { event as eventSchema } from "../../../core/event.ts";
import { orgDataLayerOf } from "../../../core/org-data-layer.ts";
import { checkEvent, type PlanViolation } from "../../../core/tracking-plan/check-event.ts";
import { drop, keep, quarantine, type Step, type Verdict } from "../step.ts";

/**
 * The envelope, again: a queue may hold messages of an older version of ours, or of nobody's. Then the tracking plan, by the modes
 * of its rules.
 */
export const validateSchema: Step = {
  name: "validate_schema",
  run(event, { environment }) {
    const result = eventSchema.safeParse(event);
    if (!result.success) {
      const issue = result.error.issues[0]!;
      return quarantine("invalid_event", `${issue.path.join(".") || "event"}: ${issue.message}`);
    }
    const judged = checkEvent(event, orgDataLayerOf(environment).tracking_plan);
    if (!judged || judged.violations.length === 0) return keep(event);
    return { ...verdictOf(judged), violations: judged.violations };
  },
};

function verdictOf({ outcome, event, omitted, violations }: NonNullable<ReturnType<typeof checkEvent>>): Verdict {
  const detail = inWords(violations);
  if (outcome === "blocked") return drop("not_as_planned", detail);
  return outcome === "quarantined" ? quarantine("not_as_planned", detail) : keep(event, omitted, detail);
}

const MOST_NAMED = 5;
const LONGEST_PATH = 200;

function inWords(violations: PlanViolation[]): string {
  const named = violations
    .slice(0, MOST_NAMED)
    .map(({ path, keyword }) => `${path.slice(0, LONGEST_PATH)}: ${keyword}`);
  return [...named, ...(violations.length > MOST_NAMED ? [`and ${violations.length - MOST_NAMED} more`] : [])].join(
    "; ",
  );
}
