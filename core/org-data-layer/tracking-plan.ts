import * as z from "zod";
import { isSchemaFault, type JsonSchema, schemaFault } from "../json-schema.ts";

/**
 * What becomes of an event that is not as planned. `warn`: it is counted. `omit_property`: counted, and goes on without what is wrong.
 * `block`: it goes no further. `quarantine`: kept aside as a dead letter.
 */
export const mode = z.enum(["allow", "warn", "omit_property", "block", "quarantine"]);
export type Mode = z.infer<typeof mode>;

const MOST_SCHEMA_BYTES = 64 * 1024;

/** JSON Schema 2020-12, the part that core/json-schema.ts knows. */
export const jsonSchema = z.custom<JsonSchema>().superRefine((schema, context) => {
  const fault =
    (JSON.stringify(schema) ?? "").length > MOST_SCHEMA_BYTES
      ? { path: [], message: `a schema has at most ${MOST_SCHEMA_BYTES} bytes` }
      : schemaFault(schema);
  if (isSchemaFault(fault)) context.addIssue({ code: "custom", path: fault.path, message: fault.message });
});

export const planRule = z.strictObject({
  description: z.string().max(2_000).optional(),
  properties: jsonSchema.optional(),
  traits: jsonSchema.optional(),
  context: jsonSchema.optional(),
  /** Absent: the plan's. */
  mode: mode.optional(),
  unplanned_properties: mode.optional(),
});
export type PlanRule = z.infer<typeof planRule>;

/** What events there are and what they hold. A rule of a type holds for all its events; a `track` has one for each name. */
export const trackingPlan = z.strictObject({
  events: z
    .record(z.string().min(1).max(256), planRule)
    .refine((events) => Object.keys(events).length <= 1_000, "a plan has at most 1000 events")
    .default({}),
  page: planRule.optional(),
  screen: planRule.optional(),
  identify: planRule.optional(),
  group: planRule.optional(),
  alias: planRule.optional(),
  /** Holds for every event, beside its own. */
  common: planRule.optional(),
  mode: mode.default("warn"),
  /** A `track` whose name is not in `events`. */
  unplanned_events: mode.exclude(["omit_property"]).default("allow"),
  /** A property or trait that its rule's schema does not name. */
  unplanned_properties: mode.default("allow"),
});
export type TrackingPlan = z.infer<typeof trackingPlan>;
