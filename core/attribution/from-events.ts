/** A person's journey from their events: each session is one touch, each order a purchase, and what was given back belongs to its order. */
import type { TrafficSource } from "../acquisition/traffic-source.ts";
import { currencyOf, orderIdOf } from "../commerce.ts";
import type { Event } from "../event.ts";
import type { Money } from "../money/currency-conversion.ts";
import { digitsOf, toMinor } from "../money/minor-units.ts";
import { isPayer } from "../revenue/payment.ts";
import { number, pick, record } from "../values.ts";
import type { Conversion } from "./attribute.ts";
import type { AttributionTouch } from "./models.ts";

export interface PersonJourney {
  touches: (AttributionTouch & { session_id: string })[];
  conversions: (Conversion & { order_id?: string; event: string; kind?: string })[];
  /** Orders and refunds that are in no currency that can be counted in `currency`. */
  uncounted: number;
}

/** `currency`: ISO 4217. Amounts in another one count where they were converted at the day's rate (`context.money`). In any order. */
export function journeyOf(events: Iterable<Event>, currency: string): PersonJourney {
  const touches = new Map<string, AttributionTouch & { session_id: string }>();
  const conversions: PersonJourney["conversions"] = [];
  const boughtAt = new Map<string, number>();
  const givenBack: { conversion: PersonJourney["conversions"][number]; orders: string[] }[] = [];
  let uncounted = 0;
  for (const event of events) {
    const touch = touchOf(event);
    const known = touch && touches.get(touch.session_id);
    if (touch && (!known || touch.at < known.at)) touches.set(touch.session_id, touch);
    const sign = signOf(event);
    if (sign === 0) continue;
    const minor = minorOf(event, currency);
    if (minor === undefined) uncounted++;
    if (!minor) continue;
    const at = Date.parse(event.timestamp);
    const kind = pick(event.properties, "kind");
    const order_id = orderIdOf(event);
    const orders = [order_id, pick(event.properties, "payment_id")].filter((id) => id !== undefined);
    const conversion = {
      id: event.message_id,
      at,
      minor: sign * minor,
      event: event.event,
      ...(order_id && { order_id }),
      ...(kind && { kind }),
    };
    conversions.push(conversion);
    // Money that comes back after a dispute is of the old purchase too.
    if (sign < 0 || kind === "dispute_won") givenBack.push({ conversion, orders });
    else for (const id of orders) boughtAt.set(id, Math.min(at, boughtAt.get(id) ?? at));
  }
  for (const { conversion, orders } of givenBack) {
    const order = orders.find((id) => boughtAt.has(id));
    if (order !== undefined) conversion.at = boughtAt.get(order)!;
  }
  return { touches: [...touches.values()].sort((a, b) => a.at - b.at), conversions, uncounted };
}

/** An event that says where its visitor came from; what a provider tells of a payer is no visit. */
function touchOf({ context, timestamp, anonymous_id }: Event): (AttributionTouch & { session_id: string }) | undefined {
  const { traffic } = context as { traffic?: TrafficSource & { channel?: string } };
  if (!traffic || !context.session || isPayer(anonymous_id)) return undefined;
  const { source, medium, campaign, channel = "Unassigned", by } = traffic;
  return {
    session_id: context.session.id,
    at: Date.parse(timestamp),
    channel,
    source,
    medium,
    ...(campaign && { campaign }),
    is_direct: by === "direct",
  };
}

function signOf({ type, event, properties }: Event): -1 | 0 | 1 {
  if (type !== "track" || properties.test === true) return 0;
  if (event === "Order Completed") return 1;
  return event === "Order Refunded" ? -1 : 0;
}

/** `revenue`, else `total`, of an order: what was told. Undefined where there is none in this currency. */
function minorOf(event: Event, currency: string): number | undefined {
  const money = (event.context as { money?: Money }).money;
  const told = currencyOf(event) === currency ? event.properties : undefined;
  const amounts = told ?? (money?.currency === currency ? record(money.amounts) : {});
  const amount = number(amounts.revenue) ?? number(amounts.total);
  return amount === undefined ? undefined : toMinor(Math.abs(amount), digitsOf(currency));
}
