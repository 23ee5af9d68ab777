/** What an organisation wants done to every event of an environment before it is stored or sent: one document. An empty one is good. */
import * as z from "zod";
import { consent } from "./org-data-layer/consent.ts";
import { enrichment } from "./org-data-layer/enrichment.ts";
import { fanOut } from "./org-data-layer/fan-out.ts";
import { remove } from "./org-data-layer/remove.ts";

export const orgDataLayer = z.strictObject({
  enrichment: enrichment.prefault({}),
  consent: consent.prefault({}),
  fan_out: fanOut.default([]),
  remove: remove.default([]),
});
export type OrgDataLayer = z.infer<typeof orgDataLayer>;

const EMPTY = orgDataLayer.parse({});

/** The environment's document, or what holds without one. */
export const orgDataLayerOf = (environment: { org_data_layer?: OrgDataLayer | undefined }): OrgDataLayer =>
  environment.org_data_layer ?? EMPTY;
