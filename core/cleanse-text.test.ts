import * as fc from "fast-check";
import { expect, it } from "vitest";
import { cleanseFields, cleanseText } from "./cleanse-text.ts";
import { cleanse } from "./org-data-layer/cleanse.ts";

const all = cleanse.parse({ strip_html: true });

it.each([
  ["<b>bold</b> and <i>plain</i>", "bold and plain"],
  ["one<br>two<p>three</p>", "one two three"],
  ["a<script>alert(1)</script>b", "ab"],
  ["a<style>p{}</style>b<!-- c -->", "ab"],
  ["3 < 4 and 5 > 4", "3 < 4 and 5 > 4"],
  ["Tom &amp; Jerry &lt;b&gt;", "Tom &amp; Jerry &lt;b&gt;"],
  ["<scr<script>ipt>alert(1)</script>", "ipt>alert(1)"],
  ["  two \t\n words ", "two words"],
])("%j is cleansed to %j", (text, expected) => expect(cleanseText(text, all)).toBe(expected));

it("does no more than it is told", () => {
  const rules = cleanse.parse({ trim: false, collapse_white_space: false, remove_empty: false });
  const fields = { a: " <b>x</b>  y ", b: "", c: null, d: [null] };
  expect(cleanseFields(fields, rules, "properties", [])).toBe(fields);
});

it("is done after the first time, whatever it is given", () => {
  const bits = fc.constantFrom(
    "<",
    ">",
    "b",
    "/",
    "script",
    "<b>",
    "</b>",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    " ",
    "&lt;",
    "p",
    "\n",
    '"',
    "=",
    "<p>",
  );
  const text = fc.oneof(
    fc.array(bits, { maxLength: 14 }).map((parts) => parts.join("")),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.oneof(text, fc.array(text), fc.jsonValue())), (fields) => {
      const once = cleanseFields(fields, all, "properties", []);
      expect(cleanseFields(once, all, "properties", [])).toBe(once);
    }),
    { numRuns: 2_000 },
  );
});
