import type { Event } from "../../../core/event.ts";
import { without } from "../../../core/field-path.ts";
import type { FanOutRule } from "../../../core/org-data-layer/fan-out.ts";
import type { RemovedField } from "../../../core/org-data-layer/remove.ts";
import { orgDataLayerOf } from "../../../core/org-data-layer.ts";
import { keep, type Step, type StepContext, type Verdict } from "../step.ts";

/** Strips what is not even stored: the last that is done to an event before the shard sees it. */
export const removeEverywhere: Step = {
  name: "remove_everywhere",
  run: (event, { environment }) => strip(event, pathsOf(orgDataLayerOf(environment).remove).everywhere),
};

/**
 * Strips what must never reach an integration: the last that is done to an event before Layer 2, so nothing can bring it back. `rule` made
 * the event of another: what was to be removed from an item of that is removed where the item's fields stand now.
 */
export const removeFields = {
  name: "remove_fields",
  run(event: Event, { environment, rule }: StepContext & { rule?: FanOutRule | undefined }): Verdict {
    const { all } = pathsOf(orgDataLayerOf(environment).remove);
    return strip(event, rule && all.length ? [...all, ...all.flatMap((path) => ofItem(path, rule))] : all);
  },
};

function strip(event: Event, paths: string[][]): Verdict {
  if (paths.length === 0) return keep(event);
  const gone: string[] = [];
  let stripped = event;
  for (const path of paths) stripped = without(stripped, path, gone);
  return keep(stripped, gone);
}

/** `properties.items.*.cost`, where the items are made events: `properties.cost`, or `properties.products.*.cost` of a group. */
function ofItem(path: string[], { each, by }: FanOutRule): string[][] {
  const array = each.split(".");
  const rest = path.slice(array.length + 1);
  if (rest.length === 0 || array.some((part, i) => path[i] !== part && path[i] !== "*")) return [];
  return [by === undefined ? ["properties", ...rest] : ["properties", "products", path[array.length]!, ...rest]];
}

/** Split once for each document: an isolate keeps one for 30 seconds and thousands of events. */
const split = new WeakMap<RemovedField[], { everywhere: string[][]; all: string[][] }>();

function pathsOf(fields: RemovedField[]) {
  let paths = split.get(fields);
  if (!paths) {
    const everywhere = fields.filter((field) => field.from === "everywhere").map(({ path }) => path.split("."));
    paths = { everywhere, all: fields.map(({ path }) => path.split(".")) };
    split.set(fields, paths);
  }
  return paths;
}
