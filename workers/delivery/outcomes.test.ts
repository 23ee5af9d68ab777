import { expect, it } from "vitest";
import { refuse, refuseSome, requestOutcome, words } from "./outcomes.ts";

const answer = (status: number, body = "") => ({ status, headers: {}, body, json: undefined });

it("has several events tried by halves, and refuses one alone for good", () => {
  expect(refuse([1, 2], "why")).toEqual({ outcome: "batch_refused", reason: "why" });
  expect(refuse([1], "why")).toEqual({ outcome: "rejected", reason: "why" });
});

it("takes HTTP's word, of the request as a whole", () => {
  expect(requestOutcome(answer(400, "bad"), [1, 2])).toEqual({ outcome: "batch_refused", reason: "HTTP 400: bad" });
  expect(requestOutcome(answer(400, "bad"), [1])).toEqual({ outcome: "rejected", reason: "HTTP 400: bad" });
  expect(requestOutcome(answer(503), [1, 2])).toEqual({ outcome: "retry", reason: "HTTP 503" });
  expect(requestOutcome(answer(401), [1, 2])).toEqual({ outcome: "unauthorised", reason: "HTTP 401" });
  expect(requestOutcome(answer(202), [1, 2])).toEqual({ outcome: "delivered" });
});

it("refuses those that a vendor named, and no others", () => {
  expect(refuseSome(["a", "b"], new Map([[1, "no price"]]))).toEqual([
    { outcome: "delivered" },
    { outcome: "rejected", reason: "no price" },
  ]);
});

it.each([
  ["a sentence", "no such pixel", "no such pixel"],
  ["a quoted token", `bad token ${"x".repeat(60)}`, "bad token …"],
  ["an object", { error: 1 }, '{"error":1}'],
  ["nothing", undefined, '""'],
])("words %s", (_, said, expected) => {
  expect(words(said)).toBe(expected);
});

it("keeps 300 characters of a vendor's words", () => {
  expect(words("no ".repeat(500))).toHaveLength(300);
});
