import { env } from "cloudflare:workers";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { inflate } from "./inflate.ts";

const FOLDER = "imports/env_inflate/";
const MB = 1024 * 1024;
const keys = async () => (await env.LAKE.list({ prefix: FOLDER })).objects.map(({ key }) => key);
afterAll(async () => {
  await env.LAKE.delete(await keys());
});

async function inflated(name: string, gzip: Uint8Array, most?: number): Promise<number> {
  await env.LAKE.put(`${FOLDER}${name}.gz`, gzip);
  return inflate(env.LAKE, `${FOLDER}${name}.gz`, `${FOLDER}${name}`, most);
}
const noise = (bytes: number) => {
  const all = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i += 65_536) crypto.getRandomValues(all.subarray(i, Math.min(bytes, i + 65_536)));
  return all;
};

it.each([
  ["nothing", 0],
  ["a little", 10],
  ["a part", 8 * MB],
  ["a part and a rest", 9 * MB + 7],
])("writes what is in the file: %s", async (name, bytes) => {
  const content = noise(bytes);
  expect(await inflated(name, gzipSync(content, { level: 0 }))).toBe(bytes);
  const stored = new Uint8Array(await (await env.LAKE.get(`${FOLDER}${name}`))!.arrayBuffer());
  expect(Buffer.compare(stored, content)).toBe(0);
});

it("reads all members of a file that was joined of several", async () => {
  expect(await inflated("members", Buffer.concat([gzipSync("one\n"), gzipSync("two\n")]))).toBe(8);
  expect(await (await env.LAKE.get(`${FOLDER}members`))!.text()).toBe("one\ntwo\n");
});

describe("a file that is refused leaves nothing behind", () => {
  const good = gzipSync(noise(9 * MB), { level: 0 });
  const damaged = Buffer.from(good);
  damaged.fill(0xff, 5 * MB, 5 * MB + 1_000);
  const wrongSum = Buffer.from(good);
  wrongSum[wrongSum.length - 8]! ^= 1;
  it.each<[string, Uint8Array]>([
    ["truncated", good.subarray(0, good.length - 1_000)],
    ["truncated at its end", good.subarray(0, good.length - 4)],
    ["damaged", damaged],
    ["of a wrong sum", wrongSum],
    ["nothing but its beginning", new Uint8Array([0x1f, 0x8b])],
    ["of another method", new Uint8Array([0x1f, 0x8b, 7, 0, 0, 0, 0, 0, 0, 0])],
  ])("because it is %s", async (name, gzip) => {
    await expect(inflated(`bad-${name}`, gzip)).rejects.toMatchObject({ code: "invalid_gzip" });
    expect(await env.LAKE.head(`${FOLDER}bad-${name}`)).toBeNull();
  });

  it("because it holds more than it may", async () => {
    const bomb = gzipSync(new Uint8Array(40 * MB));
    await expect(inflated("bomb", bomb, 16 * MB)).rejects.toMatchObject({
      code: "inflated_too_large",
      message: "The gzip file holds more than 16 MB; split it",
    });
    expect(await env.LAKE.head(`${FOLDER}bomb`)).toBeNull();
  });

  it("because it is gone", async () => {
    await expect(inflate(env.LAKE, `${FOLDER}nowhere`, `${FOLDER}x`)).rejects.toMatchObject({ code: "file_is_gone" });
  });
});
