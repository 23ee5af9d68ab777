/** The events of a request as they came: of a batch, or the body itself. */
export function eventsOf(body: Record<string, unknown>): unknown[] {
  return Array.isArray(body.batch) ? body.batch : [body];
}
