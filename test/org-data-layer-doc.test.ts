import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";
import type { Event } from "../core/event.ts";
import { orgDataLayer } from "../core/org-data-layer.ts";
import { PiiKeys } from "../core/pii/pii-keys.ts";
import { beforeShard, run } from "../workers/processor/pipeline.ts";
import { anEnvironment } from "./an-environment.ts";
import { anEvent } from "./an-event.ts";

it("docs/org-data-layer.md does what it says", async () => {
  const text = await readFile(resolve(import.meta.dirname, "../docs/org-data-layer.md"), "utf8");
  const block = (language: string) =>
    [...text.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, "gs"))].map((found) => found[1]!);
  const document = orgDataLayer.parse(parse(block("yaml")[0]!));
  const [before, after] = block("json").map((json) => JSON.parse(json) as Partial<Event>);
  const { verdict, violations } = run(beforeShard, anEvent(before!), {
    environment: anEnvironment({ org_data_layer: document }),
    source_id: "src_test",
    request: {},
    vendor_ids: {},
    pii_keys: new PiiKeys(btoa("0123456789abcdef0123456789abcdef"), "org_test"),
  });
  expect(verdict).toMatchObject({ verdict: "kept", event: { ...after, properties: expect.anything() } });
  expect(verdict.verdict === "kept" && verdict.event.properties).toEqual(after!.properties);
  expect(violations.map(({ path }) => path)).toEqual(["properties.gift", "properties.password"]);
});
