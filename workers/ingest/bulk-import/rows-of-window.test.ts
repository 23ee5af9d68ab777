import { parse } from "csv-parse/sync";
import { describe, expect, it } from "vitest";
import { type Format, ROW_BYTES } from "./find-rows.ts";
import { type Cursor, END_OF_FILE, rowsOfWindow } from "./rows-of-window.ts";

const START: Cursor = { offset: 0, row: 1, line: 1, skipping: null };
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

interface Told {
  row: number;
  line: number;
  text: string;
  flaw?: string | undefined;
}

/** Reads a whole file through windows of `size` bytes, as slices do. */
function rowsOf(file: string | Uint8Array, format: Format, { size = 1 << 21, most = 5_000 } = {}): Told[] {
  const bytes = typeof file === "string" ? new TextEncoder().encode(file) : file;
  const told: Told[] = [];
  let cursor = START;
  for (let slices = 0; cursor.offset !== END_OF_FILE; slices++) {
    if (slices > 10_000) throw new Error("no progress");
    const window = bytes.subarray(cursor.offset, cursor.offset + size);
    const isEnd = cursor.offset + window.byteLength === bytes.byteLength;
    const read = rowsOfWindow({ format, delimiter: "," }, cursor, window, { isEnd, most });
    for (const one of read.found) {
      told.push({ row: one.row, line: one.line, text: decoder.decode(one.bytes), ...(one.flaw && { flaw: one.flaw }) });
    }
    cursor = read.cursor;
  }
  return told;
}
const texts = (file: string, format: Format) => rowsOf(file, format).map(({ text }) => text);

describe("the rows of a CSV file", () => {
  it.each<[string, string, string[]]>([
    ["line feeds", "a,b\n1,2\n", ["a,b", "1,2"]],
    ["returns and line feeds", "a,b\r\n1,2\r\n", ["a,b", "1,2"]],
    ["returns alone", "a,b\r1,2\r", ["a,b", "1,2"]],
    ["no line end at the end", "a,b\n1,2", ["a,b", "1,2"]],
    ["a byte order mark", "\ufeffa,b\n1,2", ["a,b", "1,2"]],
    ["line ends within quotes", 'a\n"1\r\n\r\n2"\n3', ["a", '"1\r\n\r\n2"', "3"]],
    ["doubled quotes", 'a\n"x""\n""y"\n""\n', ["a", '"x""\n""y"', '""']],
    ["blank lines", "\n\na\n\r\n\nb\n\n", ["a", "b"]],
    ["an empty file", "", []],
  ])("end where RFC 4180 says: %s", (_, file, rows) => {
    expect(texts(file, "csv")).toEqual(rows);
  });

  it.each<[string, string, Told[]]>([
    ["a quote within a field", 'a\n5" pipe\nb', [{ row: 2, line: 2, text: '5" pipe', flaw: "stray_quote" }]],
    ["letters behind a closing quote", 'a\n"x"y,1\nb', [{ row: 2, line: 2, text: '"x"y,1', flaw: "stray_quote" }]],
    [
      "a quote that never closes",
      'a\nb\n"x\n1,2\n',
      [{ row: 3, line: 3, text: '"x\n1,2\n', flaw: "unterminated_quote" }],
    ],
  ])("that are spoilt spoil no other: %s", (_, file, flawed) => {
    const rows = rowsOf(file, "csv");
    expect(rows.filter(({ flaw }) => flaw)).toEqual(flawed);
    expect(rows.filter(({ flaw }) => !flaw).map(({ text }) => text)).toEqual(["a", "b"]);
  });

  it("know their line, whatever stands within quotes before them", () => {
    expect(rowsOf('h\n"1\n2\n3"\r\n\r\nx\n', "csv").map(({ row, line }) => [row, line])).toEqual([
      [1, 1],
      [2, 2],
      [3, 6],
    ]);
  });

  it("are those that csv-parse finds, in 500 files made at random", () => {
    let seed = 7;
    const random = (n: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 8) % n;
    };
    const LETTERS = ["a", "ż", "🦆", " ", ",", "\n", "\r\n", '"'];
    for (let n = 0; n < 500; n++) {
      const end = ["\n", "\r\n"][random(2)]!;
      const records = Array.from({ length: 1 + random(6) }, () =>
        Array.from({ length: 3 }, () => {
          const field = Array.from({ length: random(6) }, () => LETTERS[random(LETTERS.length)]).join("");
          return /[",\r\n]/.test(field) || random(3) === 0 ? `"${field.replaceAll('"', '""')}"` : field;
        }).join(","),
      );
      const file = records.join(end) + (random(2) ? end : "");
      const found = rowsOf(file, "csv");
      expect(found.map(({ text }) => text)).toEqual(records);
      expect(found.map(({ text }) => parse(text)[0])).toEqual(parse(file));
    }
  });
});

describe("the rows of NDJSON", () => {
  it.each<[string, string, string[]]>([
    ["without a line end at the end", '{"a":1}\n{"a":2}', ['{"a":1}', '{"a":2}']],
    ["with returns, blank lines and spaces", ' {"a":1} \r\n\r\n  \n{"a":2}\r\n', ['{"a":1}', '{"a":2}']],
    ["behind a byte order mark", '\ufeff{"a":1}\n', ['{"a":1}']],
    ["none", "\n \n", []],
  ])("are its lines: %s", (_, file, rows) => {
    expect(texts(file, "ndjson")).toEqual(rows);
  });
});

describe("the rows of a JSON array", () => {
  it.each<[string, string, string[]]>([
    ["on one line", '[{"a":1},{"b":[1,{"c":2}]}]', ['{"a":1}', '{"b":[1,{"c":2}]}']],
    ["with brackets, commas and quotes in strings", '[{"a":"],}{[\\"\\\\"},"x"]', ['{"a":"],}{[\\"\\\\"}', '"x"']],
    ["spread over lines", ' \n[\n  {"a":\n 1}\n,\n2\n]\n', ['{"a":\n 1}', "2"]],
    ["none", "[]", []],
    ["none, with space", " [ \n ] ", []],
    ["with a comma behind the last", "[1,2,]", ["1", "2"]],
    ["with nothing between two commas", "[1,,2]", ["1", "", "2"]],
    ["that are no JSON", "[{]},nul]", ["{]}", "nul"]],
  ])("are its elements: %s", (_, file, rows) => {
    expect(texts(file, "json")).toEqual(rows);
  });

  it("know the line in which they begin", () => {
    expect(rowsOf('\n[\n\n{"a":\n1},\n2]', "json")).toEqual([
      { row: 1, line: 4, text: '{"a":\n1}' },
      { row: 2, line: 6, text: "2" },
    ]);
  });

  it.each<[string, string, Told]>([
    ["is cut within an element", '[1,{"a":', { row: 2, line: 1, text: '{"a":', flaw: "unexpected_end" }],
    ["is cut behind an element", "[1,\n2", { row: 2, line: 2, text: "2", flaw: "unexpected_end" }],
    ["is cut behind a comma", "[1,\n", { row: 2, line: 2, text: "", flaw: "unexpected_end" }],
    ["goes on behind its end", "[1]\n[2]", { row: 2, line: 2, text: "[2]", flaw: "after_the_end" }],
  ])("tell of a file that %s", (_, file, last) => {
    expect(rowsOf(file, "json")).toEqual([{ row: 1, line: 1, text: "1" }, last]);
  });

  it.each(["{}", "", "  ", "null", '{"batch":[]}'])("are not looked for in %j", (file) => {
    expect(() => rowsOf(file, "json")).toThrow("does not begin with [");
  });
});

const LONG = "x".repeat(ROW_BYTES + 1);

describe("windows and slices", () => {
  const many = Array.from({ length: 40 }, (_, i) => i);
  it.each<[Format, string]>([
    ["csv", `\ufeff${many.map((i) => `"${"ż\r\n".repeat(2_000 + 37 * i)}""",${i}\r\n`).join("")}`],
    ["ndjson", many.map((i) => `{"a":"${"ż".repeat(9_000 + 37 * i)}"}\r\n`).join("")],
    ["json", ` [${many.map((i) => `{"a":"${'\\"]'.repeat(4_000 + 37 * i)}"}`).join("\n,\n")}]`],
  ])("change nothing about the rows of %s", (format, file) => {
    const whole = rowsOf(file, format, { size: 1 << 24 });
    expect(whole).toHaveLength(40);
    for (const size of [ROW_BYTES + 1, ROW_BYTES + 2, 200_003]) {
      expect(rowsOf(file, format, { size, most: 7 })).toEqual(whole);
    }
  });

  it.each<[Format, string, string]>([
    ["csv", `a\nb,"${'""\n'.repeat(300_000)}",1\nc\n`, "a c"],
    ["ndjson", `a\n${"x".repeat(1_000_000)}\nc\n`, "a c"],
    ["json", `["a",{"x":"${'\\",]'.repeat(250_000)}"},"c"]`, '"a" "c"'],
  ])("tell once of a row of %s that is too long, and find the next", (format, file, others) => {
    for (const size of [ROW_BYTES + 1, ROW_BYTES + 4, 1 << 21]) {
      const rows = rowsOf(file, format, { size });
      expect(rows.map(({ row, flaw }) => [row, flaw])).toEqual([
        [1, undefined],
        [2, "row_too_large"],
        [3, undefined],
      ]);
      expect(
        rows
          .filter(({ flaw }) => !flaw)
          .map(({ text }) => text)
          .join(" "),
      ).toBe(others);
    }
  });

  it.each<[Format, string]>([
    ["csv", `"${LONG}`],
    ["ndjson", LONG],
    ["json", `["${LONG}`],
    ["json", `[${"[".repeat(ROW_BYTES * 2)}`],
  ])("come to the end of a file of %s that is one endless row", (format, file) => {
    const rows = rowsOf(file, format, { size: ROW_BYTES + 1 });
    expect(rows).toHaveLength(1);
    expect(rows[0]!.flaw).toBe("row_too_large");
  });

  it("take a row of exactly the largest size", () => {
    expect(rowsOf(`${"x".repeat(ROW_BYTES)}\ny`, "ndjson", { size: ROW_BYTES + 1 }).map(({ flaw }) => flaw)).toEqual([
      undefined,
      undefined,
    ]);
  });
});
