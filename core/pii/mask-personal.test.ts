import { expect, it } from "vitest";
import { MASK, maskPersonal, PERSONAL } from "./mask-personal.ts";

it("masks by the name of a field, whatever it holds, and leaves the rest", () => {
  const given = {
    email: "ann@shop.example",
    phone: 48123456789,
    address: { street: "Kerkstraat 1" },
    plan: "pro",
    price: 12,
  };
  expect(maskPersonal(given, PERSONAL)).toEqual({ email: MASK, phone: MASK, address: MASK, plan: "pro", price: 12 });
});

it("masks in text, in lists and in JSON within text, as vendors' requests have it", () => {
  const body = JSON.stringify({ user_data: { email: "ann@shop.example" }, event_name: "Purchase" });
  expect(
    maskPersonal({ note: "write to ann@shop.example now", request: { body }, ips: ["203.0.113.7"] }, PERSONAL),
  ).toEqual({
    note: `write to ${MASK} now`,
    request: { body: JSON.stringify({ user_data: { email: MASK }, event_name: "Purchase" }) },
    ips: [MASK],
  });
});

it("masks the name in traits, and not that of a product", () => {
  expect(maskPersonal({ traits: { name: "Ann Doe" }, products: [{ name: "Hat" }] }, PERSONAL)).toEqual({
    traits: { name: MASK },
    products: [{ name: "Hat" }],
  });
});

it("masks identifiers that say their kind", () => {
  const identifiers = [
    { kind: "email", value: "ann@shop.example" },
    { kind: "user_id", value: "u1" },
  ];
  expect(maskPersonal(identifiers, PERSONAL)).toEqual([
    { kind: "email", value: MASK },
    { kind: "user_id", value: "u1" },
  ]);
});

it("shows that there is nothing, masks only the classes asked for, and changes nothing that it was given", () => {
  const given = { email: null, phone: "", ip: "203.0.113.7", user_email: "ann@shop.example" };
  expect(maskPersonal(given, new Set(["email"]))).toEqual({ ...given, user_email: MASK });
  expect(given.user_email).toBe("ann@shop.example");
});

it("masks whole what lies too deep to be looked through", () => {
  let deep: unknown = "ann@shop.example";
  for (let i = 0; i < 40; i++) deep = { deep };
  expect(JSON.stringify(maskPersonal(deep, PERSONAL))).not.toContain("ann@");
});
