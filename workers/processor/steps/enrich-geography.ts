import { location as locationSchema } from "../../../core/event.ts";
import { keep, type Step } from "../step.ts";

const FIELDS = locationSchema.keyof().options;

/** Where the request came from, as Cloudflare's edge placed it. A location that the event brought itself stays. */
export const enrichGeography: Step = {
  name: "enrich_geography",
  run(event, { request }) {
    if (event.context.location || request.country === undefined) return keep(event);
    const location = Object.fromEntries(FIELDS.flatMap((f) => (request[f] === undefined ? [] : [[f, request[f]]])));
    return keep({ ...event, context: { ...event.context, location } }, ["context.location"]);
  },
};
