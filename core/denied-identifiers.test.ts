import { expect, it } from "vitest";
import { isNobodysEmail, isNobodysId, isNobodysPhone } from "./denied-identifiers.ts";
import { sha256 } from "./hash.ts";

it.each([
  ..."null NULL undefined nil none n/a anonymous Guest unknown user test 0 -1 false true NaN id userId".split(" "),
  ...["", "0000", "--", "00000000-0000-0000-0000-000000000000", "[object Object]", "9774d56d682e549c"],
  ...["'null'", '"undefined"', "{{user.id}}", "$" + "{user_id}", "<%= id %>", "%USER_ID%", "Hard-Coded"],
])("the id %j is nobody's", (value) => {
  expect(isNobodysId(value, ["hard-coded"])).toBe(true);
});

it.each([
  "1",
  "10",
  "u-0",
  "user1",
  "testa",
  "nullable",
  "ada",
  "00000000-0000-0000-0000-000000000001",
  "-10",
  "{}",
  "'",
])("the id %j may be somebody's", (value) => {
  expect(isNobodysId(value, [])).toBe(false);
});

it.each([
  "test@test.com",
  "NoReply@shop.de",
  "no-reply+1@shop.de",
  "do_not_reply@shop.de",
  "jane@example.com",
  "jane@mail.example.org",
  "jane@company.invalid",
  "office@shop.de",
  sha256("test@test.com"),
  sha256("test@test.com").toUpperCase(),
  sha256(""),
  sha256("null"),
  sha256("office@shop.de"),
])("the address %j is nobody's", (written) => {
  expect(isNobodysEmail(written, ["Office@shop.de"])).toBe(true);
});

it.each([
  "ada@shop.example",
  "ada@shop.test",
  "tester@test.de",
  "noreplying@shop.de",
  "ada@myexample.com",
  sha256("ada@shop.de"),
])("the address %j may be somebody's", (written) => {
  expect(isNobodysEmail(written, [])).toBe(false);
});

it.each([
  "0000000",
  "+0 000 000",
  "+1 (000) 000-0000",
  "+49 1111111111",
  "+1 234567890",
  "+1 212 555-0123",
  "+49 30 42",
  "0049 30 42",
  sha256("493042"),
  sha256(""),
])("the phone %j is nobody's", (written) => {
  expect(isNobodysPhone(written, ["+49 (30) 42"])).toBe(true);
});

it.each([
  "+49 30 901820",
  "+1 212 555 2368",
  "+44 20 7946 0018",
  "",
  "none",
  sha256("4930901820"),
  sha256("x").replace(/\d/g, "a"),
])("the phone %j may be somebody's", (written) => {
  expect(isNobodysPhone(written, [""])).toBe(false);
});
