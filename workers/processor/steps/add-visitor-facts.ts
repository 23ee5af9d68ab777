import { keep, type ShardStep } from "../step.ts";

/** Session and remembered vendor ids, from the shard. What the event itself says of vendor ids outranks what is remembered. */
export const addVisitorFacts: ShardStep = {
  name: "add_visitor_facts",
  run(event, { shard }) {
    if (shard.verdict !== "new" && shard.verdict !== "redelivered") return keep(event);
    const { session, vendor_ids } = shard;
    const context = { ...event.context, session };
    if (Object.keys(vendor_ids).length === 0) return keep({ ...event, context }, ["context.session"]);
    return keep({ ...event, context: { ...context, vendor_ids } }, ["context.session", "context.vendor_ids"]);
  },
};
