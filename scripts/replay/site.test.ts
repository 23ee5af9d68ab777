import { expect, it } from "vitest";
import { aLogLine } from "./a-log-line.ts";
import { guessSite } from "./site.ts";

const from = (referrer: string) => aLogLine({ referrer });

it("takes the origin that most referrers name", () => {
  const sample = [
    from("https://shop.example/a"),
    from("https://shop.example/b"),
    from("https://google.com/"),
    from("-"),
  ];
  expect(guessSite(sample)).toBe("https://shop.example");
});

it.each([
  ["no line has a referrer", [from("-"), "garbage"]],
  ["referrers are rare", [from("https://google.com/"), ...Array(9).fill(from("-"))]],
  ["there are no lines", []],
])("guesses nothing when %s", (_, sample) => {
  expect(guessSite(sample)).toBeUndefined();
});
