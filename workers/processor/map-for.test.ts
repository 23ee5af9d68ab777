import { env } from "cloudflare:workers";
import { drizzle } from "drizzle-orm/d1";
import { expect, it } from "vitest";
import { addVersion } from "../../db/configuration-versions.ts";
import { anEnvironment, anIntegration } from "../../test/an-environment.ts";
import { anEvent } from "../../test/an-event.ts";
import { mapFor } from "./map-for.ts";

const hook = anIntegration({ destination: "webhook", settings: { url: "https://hooks.example" } });
const named = (name: string) => ({ map: [{ rename_event: name }] });
const pipeline = { id: "pip_map_for", integration_id: hook.id, version: 2, document: named("Two") };
const canary = { version: 3, percent: 100, document: named("Three") };
const environment = anEnvironment({ id: "env_map_for", pipelines: [{ ...pipeline, canary }], integrations: [hook] });

async function nameAt(version?: number): Promise<string> {
  const map = await mapFor(environment, env, version);
  const mapped = await map(anEvent(), hook, "src_test");
  if (mapped.outcome !== "queued") throw new Error(mapped.detail);
  return JSON.parse(mapped.payload_json).data.event;
}

it("maps by what is live, canaries included, or by any version for everybody", async () => {
  const subject = { kind: "pipeline", subject_id: pipeline.id, environment_id: environment.id } as const;
  for (const name of ["One", "Two", "Three"])
    await addVersion(drizzle(env.DB), subject, named(name), { author: "test", note: "" });
  expect(await Promise.all([nameAt(), nameAt(1), nameAt(2)])).toEqual(["Three", "One", "Two"]);
});

it("refuses a version that no pipeline has", async () => {
  await expect(mapFor(environment, env, 99)).rejects.toThrow("No pipeline has a version 99");
});
