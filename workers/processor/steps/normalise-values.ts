import { normaliseEvent } from "../../../core/normalise/normalise-event.ts";
import { orgDataLayerOf } from "../../../core/org-data-layer.ts";
import { keep, type Step } from "../step.ts";

/** Countries, currencies, e-mail addresses, phone numbers, yes and no, dates: each in its standard form. */
export const normaliseValues: Step = {
  name: "normalise_values",
  run(event, { environment, request }) {
    const changed: string[] = [];
    return keep(normaliseEvent(event, orgDataLayerOf(environment).normalise, request.country, changed), changed);
  },
};
