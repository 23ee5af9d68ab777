import { describe, expect, it } from "vitest";
import { open, seal, VaultError } from "./vault.ts";

const KEY = btoa("0123456789abcdef0123456789abcdef");
const OTHER_KEY = btoa("another key of exactly 32 bytes!");
const secrets = { access_token: "EAA-żółw-🦆", headers: { authorization: "Bearer x" } };

it.each([secrets, "text", 0, null, [], {}])("opens what it sealed: %j", async (value) => {
  expect(await open(KEY, "int_1", await seal(KEY, "int_1", value))).toEqual(value);
});

it("seals the same value differently every time, and shows nothing of it", async () => {
  const [first, second] = await Promise.all([seal(KEY, "int_1", secrets), seal(KEY, "int_1", secrets)]);
  expect(first).toMatch(/^v1\.[A-Za-z0-9+/]{16}\.[A-Za-z0-9+/=]+$/);
  expect(second).not.toBe(first);
  expect(first).not.toContain(btoa("EAA"));
});

describe("does not open", async () => {
  const sealed = await seal(KEY, "int_1", secrets);
  const [format, iv, text] = sealed.split(".") as [string, string, string];
  const flipped = `${text[0] === "A" ? "B" : "A"}${text.slice(1)}`;

  it.each([
    ["with another key", OTHER_KEY, "int_1", sealed],
    ["with a key of the wrong length", btoa("short"), "int_1", sealed],
    ["with a key that is no base64", "%%%", "int_1", sealed],
    ["for another integration", KEY, "int_2", sealed],
    ["when a letter was changed", KEY, "int_1", [format, iv, flipped].join(".")],
    ["when it was cut", KEY, "int_1", sealed.slice(0, -8)],
    ["in another format", KEY, "int_1", ["v2", iv, text].join(".")],
    ["when it is no base64", KEY, "int_1", "v1.%%%.%%%"],
    ["when nothing was sealed", KEY, "int_1", ""],
  ])("%s, and tells nothing of the secret", async (_, key, context, value) => {
    const error = (await open(key, context, value).catch((e) => e)) as Error;
    expect(error).toBeInstanceOf(VaultError);
    expect(error.cause).toBeUndefined();
    expect(`${error.message} ${error.stack}`).not.toMatch(/EAA|Bearer/);
  });
});
