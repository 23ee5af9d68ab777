import { keep, type ShardStep } from "../step.ts";

/** Who the person is, from their shard; what a client says of it is not believed. */
export const addPerson: ShardStep = {
  name: "add_person",
  run(event, { person }) {
    if (person) return keep({ ...event, context: { ...event.context, person } }, ["context.person"]);
    if (event.context.person === undefined) return keep(event);
    const { person: _, ...context } = event.context;
    return keep({ ...event, context }, ["context.person"]);
  },
};
