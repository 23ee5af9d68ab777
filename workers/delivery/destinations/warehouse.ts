/** What the warehouses and stores have in common: an event becomes the row of core/event-row.ts. */
import type { Event } from "../../../core/event.ts";
import { type EventRow, type PropertyColumns, propertyColumns, rowOf } from "../../../core/event-row.ts";
import type { Example } from "../destination.ts";
import { warehouseExampleEvents } from "./warehouse.examples.ts";

/** For the settings of each: properties that get a column of their own, e.g. `{"plan": "string"}`. */
export const warehouseSettings = { columns: propertyColumns };

export const toRow = (event: Event, { columns }: { columns: PropertyColumns }): EventRow => rowOf(event, columns);

/** The same events into each of them. */
export function warehouseExamples<S extends { columns: PropertyColumns }>(): Example<S>[] {
  return warehouseExampleEvents.map(({ columns, ...example }) =>
    columns ? { ...example, settings: { columns } as Partial<S> } : example,
  );
}

/** One of each message_id, the first: a statement that inserts what is missing would insert both of two. */
export function distinct(rows: EventRow[]): EventRow[] {
  const seen = new Set<string>();
  return rows.filter(({ message_id }) => !seen.has(message_id) && seen.add(message_id));
}
