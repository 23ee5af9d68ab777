/** What an event costs at Cloudflare's list prices, from operations that were counted (`npm run bench -- pipeline --save`). */
import { type CountedShape, monthlyBill } from "../bench/monthly-bill.ts";
import { listPrice, type Operation, PRICES, PRICES_OF } from "../bench/prices.ts";
import { readResults } from "../bench/results.ts";
import type { ListPrices } from "./src/api/prices.ts";

/** Batches of five are what pages send. Null where nothing was counted yet. */
export async function listPrices(): Promise<ListPrices | null> {
  const pipeline = (await readResults()).pipeline as { shapes?: CountedShape[] } | undefined;
  const shapes = pipeline?.shapes;
  if (!shapes) return null;
  const perMillion = (destinations: number) =>
    monthlyBill(shapes, { events: 1e6, destinations, events_a_request: 5, months_kept: 0 }).reduce(
      (sum, { name, count }) => sum + (name in PRICES ? listPrice(name as Operation, count) : 0),
      0,
    );
  return { events: perMillion(0), deliveries: perMillion(1) - perMillion(0), as_of: PRICES_OF };
}
