import { Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { DIMENSIONS, explain, keyOfTouch, Totals } from "../../../core/attribution/attribute.ts";
import { journeyOf } from "../../../core/attribution/from-events.ts";
import { attributionModel } from "../../../core/attribution/models.ts";
import type { Event } from "../../../core/event.ts";
import { currencyCode } from "../../../core/money/currency-rates.ts";
import { digitsOf, fromMinor } from "../../../core/money/minor-units.ts";
import type { ApiEnv } from "../../env.ts";
import { whoBehind } from "../../people.ts";
import { type TimelineCursor, timelineOfPerson } from "../../person-timeline.ts";
import { environmentOf } from "./environment-of.ts";
import { whoIs } from "./identifier-of.ts";

const DAY_MS = 86_400_000;
const query = z.object({
  // What other people did is not looked at here, and the data-driven model learns from it.
  model: attributionModel.exclude(["data_driven"]).default("last_non_direct"),
  window_days: z.coerce.number().int().min(1).max(365).default(90),
  dimension: z.enum(DIMENSIONS).default("channel"),
  currency: currencyCode.default("EUR"),
});

/** Events that are looked at, newest first, in pages: a person has fewer, and an answer must not take minutes. */
const PAGE = 500;
const MOST_PAGES = 20;

/**
 * `GET /:who/attribution?model&window_days&dimension&currency`: what a person bought, and the visits that each purchase is owed to. From their
 * events on all their devices, so that who said only later who they are is joined as soon as they have.
 */
export const profileAttribution = new Hono<{ Bindings: ApiEnv }>().get("/:who/attribution", async (c) => {
  const parsed = query.safeParse(c.req.query());
  if (!parsed.success) throw new ApiError("invalid_request", z.prettifyError(parsed.error));
  const { model, window_days, dimension, currency } = parsed.data;
  const environment = await environmentOf(c);
  const person = await whoBehind(c.env, environment, whoIs(c.req.param("who"), environment));
  if (!person) throw new ApiError("not_found", `Nobody is known by ${c.req.param("who")}`);

  const events: Event[] = [];
  let cursor: TimelineCursor | undefined;
  for (let page = 0; page < MOST_PAGES && (page === 0 || cursor); page++) {
    const answer = await timelineOfPerson(c.env.VISITOR_SHARD, environment, person, PAGE, cursor);
    events.push(...answer.events.map(({ event }) => event));
    cursor = answer.next;
  }

  const journey = journeyOf(events, currency);
  const credited = explain(journey, { model, window_ms: window_days * DAY_MS, dimension });
  const totals = new Totals();
  totals.add(credited, keyOfTouch(dimension));
  const inUnits = (minor: number) => fromMinor(minor, digitsOf(currency));
  return c.json({
    person_id: person.personId,
    model,
    window_days,
    dimension,
    currency,
    revenue: inUnits(journey.conversions.reduce((sum, { minor }) => sum + minor, 0)),
    totals: [...totals.byKey]
      .sort(([a, x], [b, y]) => y.minor - x.minor || a.localeCompare(b))
      .map(([key, { minor, conversions, assisted }]) => ({ key, revenue: inUnits(minor), conversions, assisted })),
    purchases: credited.map(({ conversion: { at, minor, ...about }, path }) => ({
      ...about,
      at: new Date(at).toISOString(),
      revenue: inUnits(minor),
      path: path.map(({ touch: { at, is_direct: _, ...touch }, minor, weight }) => ({
        ...touch,
        at: new Date(at).toISOString(),
        weight,
        revenue: inUnits(minor),
      })),
    })),
    /** Orders and refunds in currencies without a rate. */
    uncounted: journey.uncounted,
    /** There are older events, which were not looked at. */
    is_complete: cursor === undefined,
  });
});
