import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { functionHost } from "./function-host.ts";

const loader = (env as unknown as { LOADER: WorkerLoader }).LOADER;
const run = (code: string, ...events: object[]) => {
  const host = functionHost(loader, "env_functions");
  return Promise.all(events.map((event) => host.call(code, { event })));
};

it("runs a customer's function over each event, and keeps what one of them throws to that event", async () => {
  const code = `export default (event) => { if (event.bad) throw new Error("bad event"); return { ...event, seen: true } }`;
  expect(await run(code, { a: 1 }, { bad: true }, { a: 2 })).toEqual([
    { ok: true, value: { a: 1, seen: true } },
    { ok: false, detail: "Error: bad event" },
    { ok: true, value: { a: 2, seen: true } },
  ]);
});

it("gives it the payload too, and waits for what it promises", async () => {
  const host = functionHost(loader, "env_functions");
  const code = "export default async (event, payload) => ({ ...payload, name: event.event })";
  expect(await host.call(code, { event: { event: "x" }, payload: { p: 1 } })).toEqual({
    ok: true,
    value: { p: 1, name: "x" },
  });
});

it("carries the events of one batch in one call", async () => {
  let starts = 0;
  const counting = {
    get(...given: Parameters<WorkerLoader["get"]>) {
      starts++;
      return loader.get(...given);
    },
  } as WorkerLoader;
  const host = functionHost(counting, "env_functions");
  const code = "export default (event) => event";
  await Promise.all(Array.from({ length: 100 }, (_, n) => host.call(code, { event: { n } })));
  expect(starts).toBe(1);
});

it.each([
  ["has no network", 'export default async () => { await fetch("https://example.com"); return {} }', /^/],
  [
    "has no bindings",
    'import { env } from "cloudflare:workers"; export default () => { if (Object.keys(env).length) return {}; throw new Error("nothing bound") }',
    /nothing bound/,
  ],
  ["must be JavaScript", "export default (", /the function failed/],
  ["must be a function", "export default 42", /no function/],
  ["must be exported", "const a = 1", /the function failed|no function/],
])("it %s", async (_, code, detail) => {
  expect(await run(code, {})).toEqual([{ ok: false, detail: expect.stringMatching(detail) }]);
});
