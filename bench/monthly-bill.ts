/** What a month costs on Cloudflare, from the operations that `npm run bench -- pipeline --save` counted and the list prices. Pure. */
import type { Shape } from "./pipeline.ts";
import { LAKE_STORAGE, type Operation, type Operations, PLAN_DOLLARS, PRICES } from "./prices.ts";

export interface CountedShape extends Pick<Shape, "events_a_request" | "integrations"> {
  lake_bytes_per_event: number;
  operations_per_million_events: Operations;
}

export interface Month {
  events: number;
  destinations: number;
  events_a_request: number;
  /** How many months of events the lake keeps. */
  months_kept: number;
}

export interface BillLine {
  name: Operation | "lake_storage_gb" | "plan";
  /** Operations of the month, GB that lie in the lake, or 1. */
  count: number;
  included: number;
  dollars: number;
}

/**
 * Throws where the three shapes are missing that tell apart what a request, an event and a destination take: operations grow linearly
 * with events, with requests and with events times destinations.
 */
export function monthlyBill(shapes: CountedShape[], month: Month): BillLine[] {
  const { events, destinations, events_a_request, months_kept } = month;
  const lines: BillLine[] = (Object.keys(PRICES) as Operation[]).map((name) => {
    const { dollars, per, included } = PRICES[name];
    const { event, request, destination } = parts(shapes, name);
    const perMillion = event + request / events_a_request + destination * destinations;
    const count = Math.round((perMillion * events) / 1e6);
    return { name, count, included, dollars: (Math.max(0, count - included) * dollars) / per };
  });
  const gb = (events * months_kept * shapes[0]!.lake_bytes_per_event) / 1e9;
  const { dollars, included_gb } = LAKE_STORAGE;
  lines.push(
    { name: "lake_storage_gb", count: gb, included: included_gb, dollars: Math.max(0, gb - included_gb) * dollars },
    { name: "plan", count: 1, included: 0, dollars: PLAN_DOLLARS },
  );
  return lines;
}

/** Of a million events: what each takes by itself, what its share of a request does, and what each destination adds. */
function parts(shapes: CountedShape[], name: Operation) {
  const [usual, smaller, fewer] = [at(shapes, 10, 3), at(shapes, 5, 3), at(shapes, 10, 1)].map(
    (shape) => shape.operations_per_million_events[name],
  ) as [number, number, number];
  // Counts vary a little with how full batches were: less than nothing is nothing.
  const destination = Math.max(0, (usual - fewer) / 2);
  const request = Math.max(0, (smaller - usual) / (1 / 5 - 1 / 10));
  return { destination, request, event: Math.max(0, usual - request / 10 - destination * 3) };
}

function at(shapes: CountedShape[], eventsARequest: number, integrations: number): CountedShape {
  const found = shapes.find((one) => one.events_a_request === eventsARequest && one.integrations === integrations);
  if (!found)
    throw new Error(`no run with ${eventsARequest} events a request and ${integrations} destinations was counted`);
  return found;
}
