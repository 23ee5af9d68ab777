import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { configKey } from "../../core/environment.ts";
import { sha256 } from "../../core/hash.ts";
import { aDoor, type Door, publish, WRITE_KEY } from "../../test/a-door.ts";
import { aSource } from "../../test/an-environment.ts";
import { forgetConfiguration } from "../config.ts";

let door: Door;
let built: string;
let hash: string;
beforeAll(async () => {
  door = await aDoor({ sources: [aSource({ script_path: "/lib/shop.js" })] });
  const document = { environment_id: "env_test", source_id: "src_test" };
  await env.CONFIG.put(configKey.scriptPath("/lib/shop.js"), JSON.stringify(document));
  built = await (await env.ASSETS.fetch("https://assets.invalid/millrace.js")).text();
  hash = sha256(built).slice(0, 8);
});

describe("the browser script", () => {
  it.each([
    ["under the source's own path", () => "/lib/shop.js", "public, max-age=3600"],
    ["with its hash, for a year", () => `/lib/shop.${hash}.js`, "public, max-age=31536000, immutable"],
    ["with an older hash, for an hour", () => "/lib/shop.00000000.js", "public, max-age=3600"],
    ["with its hash under its usual name", () => `/millrace.${hash}.js`, "public, max-age=31536000, immutable"],
  ])("is served %s", async (_, path, caching) => {
    const answer = await door.fetch(path());
    expect(answer.status).toBe(200);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "content-type": "text/javascript; charset=utf-8",
      "cache-control": caching,
      etag: `"${hash}"`,
      "cross-origin-resource-policy": "cross-origin",
    });
    expect(answer.headers.getSetCookie()).toEqual([]);
    expect(await answer.text()).toBe(built);
  });

  it("is not sent again to a browser that has it", async () => {
    for (const known of [`"${hash}"`, `W/"${hash}"`, `"other", "${hash}"`]) {
      const answer = await door.fetch("/lib/shop.js", { headers: { "if-none-match": known } });
      expect([answer.status, await answer.text()]).toEqual([304, ""]);
    }
    expect((await door.fetch("/lib/shop.js", { headers: { "if-none-match": '"other"' } })).status).toBe(200);
  });

  it.each(["/lib/other.js", "/shop.js", "/lib/shop.js.js", "/lib/../lib/none.js", "/lib/shop.css", "/lib/shop"])(
    "is not served at %s",
    async (path) => expect((await door.fetch(path)).status).toBe(404),
  );

  it.each(["/lib/e", "/e", "/a/b/c/e"])("sends its events beside itself: %s", async (path) => {
    const event = { type: "track", event: "Signed Up", anonymous_id: "a1", message_id: `beside ${path}` };
    const answer = await door.post(path, { write_key: WRITE_KEY, batch: [event] });
    expect(answer.status).toBe(200);
    expect(door.events().at(-1)).toMatchObject({ message_id: `beside ${path}` });
  });

  it("begins with what its source says of it, under another hash", async () => {
    const script = { auto: ["page" as const, "vitals" as const], consent: "wait" as const, hash: true };
    await publish({ sources: [aSource({ script_path: "/lib/shop.js", script })] });
    forgetConfiguration();
    const answer = await door.fetch("/lib/shop.js");
    const settings = `self.millraceSettings={"auto":"page vitals","consent":"wait","hash":"true"};\n`;
    expect(await answer.text()).toBe(settings + built);
    const own = answer.headers.get("etag")!.slice(1, -1);
    expect(own).not.toBe(hash);
    const caching = async (path: string) => (await door.fetch(path)).headers.get("cache-control");
    expect(await caching(`/lib/shop.${own}.js`)).toMatch(/immutable/);
    expect(await caching(`/lib/shop.${hash}.js`)).toBe("public, max-age=3600");
    expect(await (await door.fetch(`/millrace.${hash}.js`)).text()).toBe(built);
  });

  it.each(["millrace.lite", "millrace-hub", "millrace-consent", "millrace-debug"])(
    "has %s among the files that are served beside it",
    async (name) => {
      const answer = await env.ASSETS.fetch(`https://assets.invalid/${name}.js`);
      expect([answer.status, answer.headers.get("content-type")]).toEqual([200, expect.stringMatching(/javascript/)]);
    },
  );

  it("is gone from a path that the source has left", async () => {
    await env.CONFIG.put(
      configKey.scriptPath("/old/shop.js"),
      JSON.stringify({ environment_id: "env_test", source_id: "src_test" }),
    );
    expect((await door.fetch("/old/shop.js")).status).toBe(404);
  });
});
