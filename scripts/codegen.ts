/**
 * `npm run codegen -- --plan FILE --out FILE`: typed TypeScript functions for the events of a tracking plan. FILE is YAML or JSON: an Org
 * Data Layer document, its `tracking_plan` section alone, or a plan as Segment exports it.
 */
import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { parse } from "yaml";
import * as z from "zod";
import { type TrackingPlan, trackingPlan } from "../core/org-data-layer/tracking-plan.ts";
import { fromSegment, segmentPlan } from "../core/tracking-plan/from-segment.ts";
import { typescriptClient } from "../core/tracking-plan/typescript-client.ts";
import { isRecord } from "../core/values.ts";

const { values } = parseArgs({ options: { plan: { type: "string" }, out: { type: "string" } } });
if (!values.plan || !values.out) fail("usage: npm run codegen -- --plan FILE --out FILE", 2);

const plan = read(parse(await readFile(values.plan, "utf8").catch((error) => fail(String(error.message), 1))));
await writeFile(values.out, typescriptClient(plan));
console.log(`${values.out}: ${Object.keys(plan.events).length} events`);

function read(document: unknown): TrackingPlan {
  const segment = segmentPlan.safeParse(document);
  const given = segment.success
    ? fromSegment(segment.data).plan
    : isRecord(document) && "tracking_plan" in document
      ? document.tracking_plan
      : document;
  const parsed = trackingPlan.safeParse(given);
  return parsed.success
    ? parsed.data
    : fail(`${values.plan} is no tracking plan:\n${z.prettifyError(parsed.error)}`, 1);
}

function fail(message: string, code: number): never {
  console.error(message);
  process.exit(code);
}
