import { describe, expect, it } from "vitest";
import { currentKeyId, keyId, openCredentials, rewrap, sealCredentials } from "./credentials.ts";
import { seal, VaultError } from "./vault.ts";

const OLD = btoa("0123456789abcdef0123456789abcdef");
const NEW = btoa("another key of exactly 32 bytes!");
const secrets = { access_token: "EAA-żółw-🦆", headers: { authorization: "Bearer x" } };

it.each([secrets, "text", 0, null, [], {}])("opens what it sealed: %j", async (value) => {
  expect(await openCredentials(OLD, "int_1", await sealCredentials(OLD, "int_1", value))).toEqual(value);
});

it("names the key, tells nothing of the value, and never seals the same way twice", async () => {
  const [first, second] = await Promise.all([
    sealCredentials(OLD, "int_1", secrets),
    sealCredentials(OLD, "int_1", secrets),
  ]);
  expect(first).toMatch(new RegExp(`^v2:${keyId(OLD)}:v1\\.`));
  expect(first.split(":")[2]).not.toBe(second.split(":")[2]);
  expect(first.split(":")[3]).not.toBe(second.split(":")[3]);
});

describe("changing the key", () => {
  it("seals the data key anew, leaves the value as it is, and is done once", async () => {
    const before = await sealCredentials(OLD, "int_1", secrets);
    const after = (await rewrap(`${NEW} ${OLD}`, "int_1", before))!;
    expect(after.split(":")[3]).toBe(before.split(":")[3]);
    expect(await openCredentials(NEW, "int_1", after)).toEqual(secrets);
    await expect(openCredentials(OLD, "int_1", after)).rejects.toThrow(keyId(NEW));
    expect(await rewrap(`${NEW} ${OLD}`, "int_1", after)).toBeUndefined();
  });

  it("leaves no moment at which a value does not open", async () => {
    const [byOld, byNew] = await Promise.all([sealCredentials(OLD, "i", 1), sealCredentials(`${NEW} ${OLD}`, "i", 2)]);
    expect(await openCredentials(`${NEW} ${OLD}`, "i", byOld)).toBe(1);
    expect(await openCredentials(`${NEW} ${OLD}`, "i", byNew)).toBe(2);
    expect(currentKeyId(`${NEW} ${OLD}`)).toBe(keyId(NEW));
  });

  it("takes along what was sealed before there were envelopes", async () => {
    const plain = await seal(OLD, "int_1", secrets);
    expect(await openCredentials(OLD, "int_1", plain)).toEqual(secrets);
    expect(await openCredentials(`${NEW} ${OLD}`, "int_1", plain)).toEqual(secrets);
    expect(await openCredentials(NEW, "int_1", (await rewrap(`${NEW} ${OLD}`, "int_1", plain))!)).toEqual(secrets);
  });
});

describe("does not open", async () => {
  const sealed = await sealCredentials(OLD, "int_1", secrets);
  const [format, id, dataKey, value] = sealed.split(":") as [string, string, string, string];

  it.each([
    ["with another key", NEW, "int_1", sealed],
    ["with another key under the same name", NEW, "int_1", [format, keyId(NEW), dataKey, value].join(":")],
    ["for another integration", OLD, "int_2", sealed],
    ["when value and data key change places", OLD, "int_1", [format, id, value, dataKey].join(":")],
    ["when it was cut", OLD, "int_1", sealed.slice(0, -8)],
    ["when a part is missing", OLD, "int_1", [format, id, dataKey].join(":")],
    ["without any key", " ", "int_1", sealed],
    ["when nothing was sealed", OLD, "int_1", ""],
  ])("%s, and tells nothing of the secret", async (_, keys, context, text) => {
    const error = (await openCredentials(keys, context, text).catch((e) => e)) as Error;
    expect(error).toBeInstanceOf(VaultError);
    expect(`${error.message} ${error.stack} ${error.cause}`).not.toMatch(/EAA|Bearer/);
  });
});
