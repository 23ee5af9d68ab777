/**
 * An order counts once for its visitor, though the browser and the payment provider's webhook both tell of it. Known are the orders of the
 * sessions that events still find; of two reports the one with a worth stays, else the earlier one, in whatever order they come.
 */
import type { Session, Visit } from "../session.ts";
import { isBefore, type Step } from "./session-facts.ts";

/** The sessions and the visit without a report of an order that another report of it makes superfluous. */
export function withOrdersOnce(
  sessions: readonly Session[],
  at: number,
  visit: Visit,
): { sessions: readonly Session[]; visit: Visit } {
  const { step, ...rest } = visit;
  if (step?.kind !== "order" || step.order_id === undefined) return { sessions, visit };
  const isSame = ({ kind, order_id }: Step) => kind === "order" && order_id === step.order_id;
  const index = sessions.findIndex(({ steps }) => steps?.some(isSame));
  if (index < 0) return { sessions, visit };
  const session = sessions[index]!;
  const known = session.steps!.find(isSame)!;
  if (!isBetter({ at, ...step }, known)) return { sessions, visit: rest };
  return {
    sessions: sessions.with(index, { ...session, steps: session.steps!.filter((one) => one !== known) }),
    visit,
  };
}

function isBetter(one: Step, other: Step): boolean {
  if ((one.value === undefined) !== (other.value === undefined)) return one.value !== undefined;
  return isBefore(one, other);
}
