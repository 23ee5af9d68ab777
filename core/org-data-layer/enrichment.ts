import * as z from "zod";
import { customChannel } from "../acquisition/channels.ts";
import { currencyConversion } from "../money/currency-conversion.ts";

/** What is added to an event. */
export const enrichment = z.strictObject({
  /** `context.traffic`: where a visit came from, and by which channel. */
  traffic: z.boolean().default(true),
  /** Asked in this order, and before GA4's. */
  channels: z.array(customChannel).max(100).default([]),
  /** Amounts in the organisation's currency, at the day's rate. Absent: none. */
  currency: currencyConversion.optional(),
});
