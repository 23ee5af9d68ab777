import { event as eventSchema } from "../../../core/event.ts";
import { keep, quarantine, type Step } from "../step.ts";

/** The envelope, again: a queue may hold messages of an older version of ours, or of nobody's. */
export const validateSchema: Step = {
  name: "validate_schema",
  run(event) {
    const result = eventSchema.safeParse(event);
    if (result.success) return keep(event);
    const issue = result.error.issues[0]!;
    return quarantine("invalid_event", `${issue.path.join(".") || "event"}: ${issue.message}`);
  },
};
