/** What was done to one event, step by step: the answer to "why did (or didn't) this reach the vendor?". */

/** Why an event goes no further, or not to one integration. One union, so that the dashboard can list them. */
export const REASONS = [
  "duplicate",
  /** Of before its visitor was deleted. */
  "forgotten",
  "bot",
  "invalid_event",
  /** Not as the tracking plan says, which blocks or quarantines it (core/org-data-layer/tracking-plan.ts). */
  "not_as_planned",
  /** A field that is declared of a type holds what cannot be read as one. */
  "wrong_type",
  "integration_disabled",
  "source_not_connected",
  "not_selected",
  "no_consent",
  "event_not_mapped",
  "missing_field",
  "too_old",
  "in_the_future",
  "invalid_value",
  "unknown_destination",
  "payload_too_large",
  /** The destination's code failed on this event. It is kept as a dead letter. */
  "mapping_failed",
  /** The pipeline's own condition or filter, or its sample of visitors. */
  "filtered_by_pipeline",
  "sampled_out",
  /** A step of the pipeline failed on this event, and its policy says that it is then not sent. Quarantined, it is a dead letter. */
  "pipeline_failed",
  /** The payload is not what the destination's own schema asks for. */
  "invalid_payload",
] as const;
export type Reason = (typeof REASONS)[number];

export interface StepRecord {
  step: string;
  verdict: "kept" | "dropped" | "quarantined";
  /** Paths that the step set or removed, e.g. `context.location`; of very many the first, and how many more. */
  changed: string[];
  reason?: Reason;
  /** Why, or how: `string_to_number: properties.price`. */
  detail?: string;
}

export interface Receipt {
  /** Version of the environment's configuration that was applied. */
  configuration: number;
  /** The shard that owns the visitor. */
  shard: string;
  steps: StepRecord[];
  integrations: {
    integration_id: string;
    integration: string;
    outcome: "queued" | "filtered";
    reason?: Reason;
    detail?: string;
    /** The pipelines and versions that it came through, e.g. `pip_meta@7`. */
    versions?: string[];
  }[];
}
