import { orgDataLayerOf } from "../../../core/org-data-layer.ts";
import { standardiseNames } from "../../../core/standardise-names.ts";
import { keep, type Step } from "../step.ts";

/** One name for what several sources call differently: events, properties, traits. */
export const standardiseFields: Step = {
  name: "standardise_fields",
  run(event, { environment }) {
    const changed: string[] = [];
    return keep(standardiseNames(event, orgDataLayerOf(environment).standardise, changed), changed);
  },
};
