/**
 * Runs a pipeline over events without sending anything, and writes down each step: what it changed, what it said, and the payload in
 * the end. What a person sees here is what the processor would do: the same code, with a trace.
 */
import type { Environment, Integration } from "../core/environment.ts";
import type { Event } from "../core/event.ts";
import type { Resources } from "../core/pipeline/step.ts";
import { type Change, structuralDiff } from "../core/structural-diff.ts";
import { destinationNamed } from "./delivery/destinations/index.ts";
import { mapThroughPipelines, type Route } from "./processor/layer2.ts";

export interface PreviewStep {
  stage: string;
  step: string;
  outcome: "kept" | "skipped" | "filtered" | "failed";
  detail?: string;
  changes: Change[];
}

export interface Previewed {
  integration_id: string;
  integration: string;
  outcome: "queued" | "filtered";
  reason?: string;
  detail?: string;
  steps: PreviewStep[];
  payload?: unknown;
  /** The vendor's name for it, where it has one. */
  vendor_event?: string;
}

/** One event through one route to one integration. */
export async function previewOne(
  event: Event,
  context: { environment: Environment; source_id: string; resources: Resources },
  integration: Integration,
  route: Route,
): Promise<Previewed> {
  const steps: PreviewStep[] = [];
  const destination = destinationNamed(integration.destination);
  const mapped = await mapThroughPipelines(
    event,
    {
      ...context,
      trace: ({ stage, step, before, after, outcome, detail }) =>
        steps.push({
          stage,
          step,
          outcome,
          ...(detail !== undefined && { detail }),
          changes: structuralDiff(before, after),
        }),
    },
    integration,
    destination,
    route,
  );
  const about = { integration_id: integration.id, integration: integration.name, steps };
  if (mapped.outcome === "filtered") {
    const { reason, detail } = mapped;
    return { ...about, outcome: "filtered", reason, ...(detail !== undefined && { detail }) };
  }
  const payload: unknown = JSON.parse(mapped.payload_json);
  const vendor_event = destination?.eventName?.(payload);
  return { ...about, outcome: "queued", payload, ...(vendor_event !== undefined && { vendor_event }) };
}
