/**
 * An event as a row: the columns that the lake and every warehouse share. Additive: a column is appended and never renamed, retyped
 * or removed, because tables of customers have it. Warehouses make the columns that they lack.
 */
import * as z from "zod";
import type { Event } from "./event.ts";
import { defined, number, text } from "./values.ts";

export const COLUMN_TYPES = ["string", "timestamp", "integer", "number", "boolean", "json"] as const;
export type ColumnType = (typeof COLUMN_TYPES)[number];

export interface Column {
  name: string;
  type: ColumnType;
}

export interface EventColumn extends Column {
  required?: true;
  of(event: Event): unknown;
}

/** As JSON carries it: a timestamp is ISO 8601 in UTC; what is absent is left out. */
export type EventRow = { message_id: string; received_at: string } & Record<string, unknown>;

export const EVENT_COLUMNS: EventColumn[] = [
  { name: "received_at", type: "timestamp", required: true, of: (event) => event.received_at },
  { name: "timestamp", type: "timestamp", required: true, of: (event) => event.timestamp },
  { name: "message_id", type: "string", required: true, of: (event) => event.message_id },
  { name: "type", type: "string", required: true, of: (event) => event.type },
  { name: "event", type: "string", required: true, of: (event) => event.event },
  { name: "anonymous_id", type: "string", required: true, of: (event) => event.anonymous_id },
  { name: "user_id", type: "string", of: (event) => event.user_id },
  { name: "session_id", type: "string", of: ({ context }) => context.session?.id },
  { name: "session_number", type: "integer", of: ({ context }) => context.session?.number },
  { name: "page_url", type: "string", of: ({ context }) => context.page?.url },
  { name: "page_referrer", type: "string", of: ({ context }) => context.page?.referrer },
  { name: "utm_source", type: "string", of: ({ context }) => context.campaign?.source },
  { name: "utm_medium", type: "string", of: ({ context }) => context.campaign?.medium },
  { name: "utm_campaign", type: "string", of: ({ context }) => context.campaign?.name },
  { name: "country", type: "string", of: ({ context }) => context.location?.country },
  { name: "city", type: "string", of: ({ context }) => context.location?.city },
  { name: "device_type", type: "string", of: ({ context }) => context.device?.type },
  { name: "browser", type: "string", of: ({ context }) => context.browser?.name },
  { name: "os", type: "string", of: ({ context }) => context.os?.name },
  { name: "revenue", type: "number", of: ({ properties }) => onlyNumber(properties.revenue) },
  { name: "currency", type: "string", of: ({ properties }) => onlyString(properties.currency) },
  { name: "group_id", type: "string", of: (event) => event.group_id },
  { name: "properties", type: "json", of: (event) => event.properties },
  { name: "traits", type: "json", of: (event) => event.traits },
  { name: "context", type: "json", of: (event) => event.context },
];

const SHARED = new Set(EVENT_COLUMNS.map(({ name }) => name));

/** A setting: properties that get a column of their own, beside `properties`, which holds them all. */
export const propertyColumns = z
  .record(
    z
      .string()
      .regex(/^[a-z_][a-z0-9_]{0,62}$/, "a column is 1 to 63 of a–z, 0–9 and _, and begins with a letter or _")
      .refine((name) => !SHARED.has(name), "this column is there already"),
    z.enum(COLUMN_TYPES),
  )
  .refine((columns) => Object.keys(columns).length <= 200, "holds more than 200 columns")
  .default({});
export type PropertyColumns = z.infer<typeof propertyColumns>;

/** All columns of a table, in order. */
export function columnsOf(own: PropertyColumns): (Column & { required?: true })[] {
  return [
    ...EVENT_COLUMNS.map(({ name, type, required }) => ({ name, type, ...(required && { required }) })),
    ...Object.entries(own).map(([name, type]) => ({ name, type })),
  ];
}

/** A property that is not of its column's type is left out there; it still stands in `properties`. */
export function rowOf(event: Event, own: PropertyColumns): EventRow {
  const shared = EVENT_COLUMNS.map(({ name, of }) => [name, of(event) ?? undefined]);
  const others = Object.entries(own).map(([name, type]) => [name, ofType(type, event.properties[name])]);
  return defined(Object.fromEntries([...shared, ...others])) as EventRow;
}

function ofType(type: ColumnType, value: unknown): unknown {
  if (value === null || value === undefined) return undefined;
  switch (type) {
    case "string":
      return typeof value === "boolean" ? String(value) : text(value);
    case "number":
      return number(value);
    case "integer": {
      const read = number(value);
      return Number.isSafeInteger(read) ? read : undefined;
    }
    case "boolean":
      return typeof value === "boolean" ? value : undefined;
    case "timestamp": {
      const at = typeof value === "string" && /^\d{4}-\d\d-\d\d/.test(value) ? new Date(value) : undefined;
      return at && !Number.isNaN(at.getTime()) ? at.toISOString() : undefined;
    }
    case "json":
      return value;
    default:
      return type satisfies never;
  }
}

const onlyNumber = (value: unknown) => (typeof value === "number" ? value : undefined);
const onlyString = (value: unknown) => (typeof value === "string" ? value : undefined);
