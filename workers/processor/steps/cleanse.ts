import { cleanseFields } from "../../../core/cleanse-text.ts";
import { orgDataLayerOf } from "../../../core/org-data-layer.ts";
import { keep, type Step } from "../step.ts";

/** Trims text, collapses white space, strips tags and removes what is empty in `properties` and `traits`; nothing else is touched. */
export const cleanse: Step = {
  name: "cleanse",
  run(event, { environment }) {
    const rules = orgDataLayerOf(environment).cleanse;
    const changed: string[] = [];
    const properties = cleanseFields(event.properties, rules, "properties", changed);
    const traits = event.traits && cleanseFields(event.traits, rules, "traits", changed);
    return changed.length ? keep({ ...event, properties, ...(traits && { traits }) }, changed) : keep(event);
  },
};
