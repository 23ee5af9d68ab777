import { expect, it } from "vitest";
import { LIMITS } from "../../core/event.ts";
import { aLog, aLogLine } from "./a-log-line.ts";
import { BATCH_BYTES, BATCH_EVENTS, type Batch, cutBatches } from "./batch.ts";

async function* linesOf(text: string) {
  yield* text.trimEnd().split("\n");
}

const never = new AbortController().signal;

async function cut(lines: AsyncIterable<string>, after = 0, stop = never, into: Batch[] = []): Promise<Batch[]> {
  const rules = { site: "https://shop.example", all: false };
  for await (const batch of cutBatches({ lines, rules, after, bytesRead: () => 0, stop })) into.push(batch);
  return into;
}

it("stays inside the limits of the door", () => {
  expect(BATCH_EVENTS).toBeLessThanOrEqual(LIMITS.BATCH_EVENTS);
  expect(BATCH_BYTES).toBeLessThan(LIMITS.REQUEST_BYTES);
});

it("puts every line into exactly one batch", async () => {
  const batches = await cut(linesOf(aLog(250)));
  expect(batches.map(({ events }) => events.length)).toEqual([100, 100, 50]);
  expect(batches.map(({ last_line }) => last_line)).toEqual([109, 219, 275]);
  expect(batches.map(({ tally }) => tally.lines)).toEqual([109, 110, 56]);
  expect(batches.map(({ tally }) => tally.skipped.static_asset)).toEqual([9, 10, 6]);
});

it("cuts before a request grows too large", async () => {
  const long = aLogLine({ request: `GET /?q=${"x".repeat(8_000)} HTTP/1.1` });
  const batches = await cut(linesOf(`${long}\n`.repeat(50)));
  expect(batches.length).toBeGreaterThan(1);
  for (const { events } of batches) {
    expect(Buffer.byteLength(`{"batch":[${events.join(",")}]}`)).toBeLessThanOrEqual(BATCH_BYTES);
  }
  expect(batches.reduce((sum, { tally }) => sum + tally.lines, 0)).toBe(50);
});

it("counts the lines that an earlier run did, without their events", async () => {
  const [before, next] = await cut(linesOf(aLog(250)), 109);
  expect(before).toMatchObject({ events: [], last_line: 109, tally: { lines: 109, pages: 100 } });
  expect(next?.event_lines[0]).toBe(111);
});

it("hands over what could be read before it throws", async () => {
  const broken = async function* () {
    yield aLogLine();
    throw new Error("unexpected end of file");
  };
  const batches: Batch[] = [];
  await expect(cut(broken(), 0, never, batches)).rejects.toThrow("unexpected end of file");
  expect(batches).toMatchObject([{ last_line: 1, tally: { pages: 1 } }]);
});

it("cuts nothing more once it is stopped", async () => {
  expect(await cut(linesOf(aLog(250)), 0, AbortSignal.abort())).toEqual([]);
});
