/**
 * What an organisation wants done to every event of an environment before it is stored or sent (Layer 1): one document, versioned by
 * the environment. Every section has defaults: an empty document is a good one. docs/org-data-layer.md has it worked out.
 */
import * as z from "zod";
import { cleanse } from "./org-data-layer/cleanse.ts";
import { normalise } from "./org-data-layer/normalise.ts";
import { pii } from "./org-data-layer/pii.ts";
import { standardise } from "./org-data-layer/standardise.ts";
import { trackingPlan } from "./org-data-layer/tracking-plan.ts";
import { types } from "./org-data-layer/types.ts";

export const orgDataLayer = z.strictObject({
  tracking_plan: trackingPlan.prefault({}),
  standardise: standardise.prefault({}),
  types: types.default({}),
  normalise: normalise.prefault({}),
  cleanse: cleanse.prefault({}),
  pii: pii.prefault({}),
});
export type OrgDataLayer = z.infer<typeof orgDataLayer>;
/** As a person writes it: without what is as usual. */
export type OrgDataLayerInput = z.input<typeof orgDataLayer>;

const EMPTY = orgDataLayer.parse({});

/** The environment's document, or what holds without one. */
export const orgDataLayerOf = (environment: { org_data_layer?: OrgDataLayer | undefined }): OrgDataLayer =>
  environment.org_data_layer ?? EMPTY;
