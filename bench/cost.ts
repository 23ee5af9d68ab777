/**
 * `npm run cost -- --events 100M --destinations 3 [--events-a-request 5] [--months-kept 13] [--json]`: a month's bill, line by line, from
 * operations that `npm run bench -- pipeline --save` counted at every binding and from the list prices in bench/prices.ts.
 */
import { parseArgs } from "node:util";
import { type CountedShape, monthlyBill } from "./monthly-bill.ts";
import { listPrice, type Operation, PRICES, PRICES_OF } from "./prices.ts";
import { readResults } from "./results.ts";

const USAGE = "npm run cost -- --events 100M --destinations 3 [--events-a-request 5] [--months-kept 13] [--json]";
const SUFFIXES: Record<string, number> = { "": 1, k: 1e3, m: 1e6, g: 1e9, b: 1e9 };

const { values } = parseArgs({
  options: {
    events: { type: "string", default: "100M" },
    destinations: { type: "string", default: "3" },
    "events-a-request": { type: "string", default: "5" },
    "months-kept": { type: "string", default: "13" },
    json: { type: "boolean", default: false },
  },
});
const month = {
  events: amount("events"),
  destinations: amount("destinations"),
  events_a_request: amount("events-a-request"),
  months_kept: amount("months-kept"),
};
if (month.events_a_request === 0) fail("--events-a-request: 0 events make no request");
const pipeline = (await readResults()).pipeline as { shapes: CountedShape[]; measured_at: string } | undefined;
if (!pipeline?.shapes) fail("nothing was counted yet: npm run bench -- pipeline --save");
const lines = monthlyBill(pipeline.shapes, month);
const total = lines.reduce((sum, { dollars }) => sum + dollars, 0);
/** As for an account that uses up elsewhere what the plan includes; without the plan itself and the lake's storage. */
const operations = lines.reduce(
  (sum, { name, count }) => sum + (name in PRICES ? listPrice(name as Operation, count) : 0),
  0,
);
const perMillion = (dollars: number) => (month.events ? dollars / (month.events / 1e6) : 0);

if (values.json)
  console.log(
    JSON.stringify({
      ...month,
      prices_of: PRICES_OF,
      lines,
      total,
      per_million: perMillion(total),
      per_million_all_billed: perMillion(operations),
    }),
  );
else {
  console.log(
    `${month.events.toLocaleString("en")} events a month to ${month.destinations} destinations, ${month.events_a_request} a request; the lake keeps ${month.months_kept} months`,
  );
  console.log(`operations counted ${pipeline.measured_at}, list prices of ${PRICES_OF}\n`);
  for (const { name, count, included, dollars } of lines) {
    const what = name.replaceAll("_", " ").padEnd(20);
    const many = Math.round(count).toLocaleString("en").padStart(16);
    const free = included ? `(${included.toLocaleString("en")} included)` : "";
    console.log(`${what}${many}  ${free.padEnd(24)}${`$${dollars.toFixed(2)}`.padStart(12)}`);
  }
  console.log(`${"a month".padEnd(62)}${`$${total.toFixed(2)}`.padStart(12)}`);
  console.log(
    `\n$${perMillion(total).toFixed(3)} a million events; $${perMillion(operations).toFixed(3)} if none of the operations were included. Not counted: storage inside objects, D1, and logs.`,
  );
}

function amount(option: Exclude<keyof typeof values, "json">): number {
  const text = values[option]!;
  const [, digits, suffix] =
    /^(\d+(?:\.\d+)?)([kmgb]?)$/i.exec(text) ?? fail(`--${option}: "${text}" is no number such as 250k, 100M or 2G`);
  return Number(digits) * SUFFIXES[suffix!.toLowerCase()]!;
}

function fail(problem: string): never {
  console.error(`${problem}\n${USAGE}`);
  process.exit(2);
}
