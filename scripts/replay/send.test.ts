import { afterEach, expect, it } from "vitest";
import { type FakeAnswer, type FakeIngest, startFakeIngest } from "./fake-ingest.ts";
import { Ingest, TRIES } from "./send.ts";

let server: FakeIngest;
afterEach(() => server.close());

const EVENTS = [0, 1, 2, 3].map((n) => JSON.stringify({ type: "page", message_id: `m${n}` }));
const REFUSED = { index: 2, code: "invalid_event", message: "context.ip: Too big" };
const never = new AbortController().signal;

async function send(answer: Parameters<typeof startFakeIngest>[0], stop = never, events = EVENTS) {
  server = await startFakeIngest(answer);
  const notices: string[] = [];
  const ingest = new Ingest({
    host: server.host,
    writeKey: "wk_1",
    firstDelayMs: 1,
    onRetry: (notice) => notices.push(notice),
  });
  return { sent: await ingest.send(events, stop), ingest, notices };
}

const first =
  (...answers: (FakeAnswer | "cut")[]) =>
  (_: unknown, before: number) =>
    answers[before];

it("sends JSON under the write key", async () => {
  const { sent } = await send(first());
  expect(sent).toEqual({ kind: "answered", refused: [] });
  expect(server.requests).toMatchObject([
    {
      authorization: `Basic ${btoa("wk_1:")}`,
      contentType: "application/json",
      batch: EVENTS.map((e) => JSON.parse(e)),
    },
  ]);
});

it.each<[string, FakeAnswer | "cut"]>([
  ["429", { status: 429 }],
  ["500", { status: 500 }],
  ["503", { status: 503 }],
  ["a cut connection", "cut"],
])("tries again after %s", async (_, failure) => {
  const { sent, ingest, notices } = await send(first(failure, failure));
  expect(sent).toEqual({ kind: "answered", refused: [] });
  expect(ingest.requests).toBe(3);
  expect(notices[1]).toMatch(/Trying again \(3 of 8\)\.$/);
  expect(server.events).toHaveLength(EVENTS.length);
});

it("waits as long as Retry-After asks", async () => {
  const started = performance.now();
  await send(first({ status: 429, headers: { "retry-after": "1" } }));
  expect(performance.now() - started).toBeGreaterThanOrEqual(990);
});

it(`gives up after ${TRIES} tries`, async () => {
  const { sent, ingest } = await send(() => ({ status: 503 }));
  expect(sent).toEqual({ kind: "failed", why: `${server.host} answered 503. Gave up after 8 tries.` });
  expect(ingest.requests).toBe(TRIES);
});

it("does not wait any longer once it is stopped", async () => {
  const stop = new AbortController();
  const started = performance.now();
  const { sent } = await send(() => {
    setTimeout(() => stop.abort(), 20);
    return { status: 429, headers: { "retry-after": "600" } };
  }, stop.signal);
  expect(sent).toEqual({ kind: "stopped" });
  expect(performance.now() - started).toBeLessThan(10_000);
});

it("splits a batch that is too large, and still knows which event was refused", async () => {
  const { sent } = await send((batch) => {
    if (batch.length > 2) return { status: 413 };
    const rejected = batch.some(({ message_id }) => message_id === "m2") ? [{ ...REFUSED, index: 0 }] : [];
    return { status: 200, body: { success: true, accepted: batch.length - rejected.length, rejected } };
  });
  expect(server.requests.map(({ batch }) => batch.length)).toEqual([4, 2, 2]);
  expect(sent).toEqual({ kind: "answered", refused: [REFUSED] });
});

it("refuses a single event that is too large by itself", async () => {
  const { sent } = await send((batch) => (batch.some((e) => e.message_id === "m1") ? { status: 413 } : undefined));
  expect(sent).toMatchObject({ kind: "answered", refused: [{ index: 1, code: "request_too_large" }] });
  expect(server.events.map((e) => e.message_id)).toEqual(["m0", "m2", "m3"]);
});

it("reports the events that were refused", async () => {
  const { sent } = await send(first({ status: 200, body: { success: true, accepted: 3, rejected: [REFUSED] } }));
  expect(sent).toEqual({ kind: "answered", refused: [REFUSED] });
});

it("takes the refusal of every event for an answer, not for a failure", async () => {
  const rejected = EVENTS.map((_, index) => ({ ...REFUSED, index }));
  const body = { error: { code: "no_valid_events", message: "no event was valid" }, rejected };
  const { sent } = await send(first({ status: 400, body }));
  expect(sent).toEqual({ kind: "answered", refused: rejected });
});

it.each<[string, FakeAnswer, RegExp]>([
  ["the key is refused", { status: 401 }, /^The write key was refused by .* \(401\)\.$/],
  ["a 400 is about the request", { status: 400, body: { error: { message: "no JSON" } } }, /answered 400: no JSON$/],
  ["there is no such route", { status: 404 }, /answered 404\.$/],
  [
    "the host redirects",
    { status: 301, headers: { location: "https://x.example/" } },
    /redirects to https:\/\/x\.example\//,
  ],
  ["a web page answers", { status: 200, body: "<html>" }, /does not answer as Millrace does/],
  ["the count is wrong", { status: 200, body: { success: true, accepted: 3, rejected: [] } }, /does not answer as/],
  [
    "the refused event was not in the batch",
    { status: 200, body: { success: true, accepted: 3, rejected: [{ ...REFUSED, index: 4 }] } },
    /does not answer as/,
  ],
])("fails at once when %s", async (_, answer, why) => {
  const { sent, ingest } = await send(() => answer);
  expect(sent).toEqual({ kind: "failed", why: expect.stringMatching(why) });
  expect(ingest.requests).toBe(1);
});
