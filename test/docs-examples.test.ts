import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { orgDataLayer } from "../core/org-data-layer.ts";

it("docs/enrichment.md shows a document that is accepted as it stands", () => {
  const text = readFileSync(join(import.meta.dirname, "../docs/enrichment.md"), "utf8");
  const [, example] = /```yaml\n(.*?)```/s.exec(text)!;
  const result = orgDataLayer.safeParse(parse(example!));
  expect(result.error).toBeUndefined();
  expect(result.data).toMatchObject({
    consent: { on_gpc: "limit", hold: { for_s: 1_800 } },
    fan_out: [{ by: "brand", most: 50 }],
    remove: [{ from: "integrations" }, { from: "everywhere" }],
  });
});

it.each([
  [{ remove: [{ path: "message_id" }] }, "remove.0.path"],
  [{ consent: { hold: { for_s: 86_401 } } }, "consent.hold.for_s"],
  [{ consent: { strip: [{ path: "context.ip", unless: "functional" }] } }, "consent.strip.0.unless"],
  [{ fan_out: [{ name: "x", events: ["y"], each: "context.ip", event: "z" }] }, "fan_out.0.each"],
  [{ enrichment: { currency: { to: "euro" } } }, "enrichment.currency.to"],
  [{ enrichment: { chanels: [] } }, "enrichment"],
])("a document that is wrong is refused with the place: %j", (document, path) => {
  const issue = orgDataLayer.safeParse(document).error!.issues[0]!;
  expect(issue.path.join(".")).toBe(path);
});
