import { env } from "cloudflare:workers";
import { gzipSync } from "node:zlib";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Event } from "../../../core/event.ts";
import type { RawMessage } from "../../../core/queue-messages.ts";
import { aDoor, type Door, publish, SERVER_KEY, WRITE_KEY } from "../../../test/a-door.ts";
import { aSource } from "../../../test/an-environment.ts";
import { Seeded } from "../../../test/seeded.ts";
import { advance } from "./advance.ts";
import { importKey, readState } from "./import-store.ts";

const PATH = "/v1/bulk/import";
const AUTH = { authorization: `Basic ${btoa(`${SERVER_KEY}:`)}` };
const ENVIRONMENT = "env_test";

let door: Door;
/** What reached the queue, of the Workflow's own binding too: all bindings to queues share their prototype. */
const queued: Event[] = [];
const send = () => vi.spyOn(Object.getPrototypeOf(env.RAW_EVENTS) as Queue, "send");

beforeAll(async () => {
  door = await aDoor({}, { RAW_EVENTS: env.RAW_EVENTS });
});
const takeMessages = () =>
  send().mockImplementation(async (text) => {
    queued.push(...(JSON.parse(text as string) as RawMessage).events);
    return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };
  });
beforeEach(() => {
  queued.length = 0;
  takeMessages();
});
afterEach(() => {
  vi.restoreAllMocks();
});

interface Described {
  import_id: string;
  status: string;
  dry_run: boolean;
  rows: { read: number; accepted: number; rejected: number };
  reasons: Record<string, number>;
  bytes: { done: number; total: number };
  finished_at: string | null;
  failure: { code: string; message: string } | null;
}

const post = (query: string, body: BodyInit | null, headers: Record<string, string> = {}) =>
  door.fetch(`${PATH}${query}`, { method: "POST", headers: { ...AUTH, ...headers }, body });
const get = (path: string, headers: Record<string, string> = AUTH) => door.fetch(`${PATH}/${path}`, { headers });
const act = (id: string, what: "cancel" | "resume") =>
  door.fetch(`${PATH}/${id}/${what}`, { method: "POST", headers: AUTH });

async function begun(query: string, body: BodyInit, headers: Record<string, string> = {}): Promise<string> {
  const answer = await post(query, body, headers);
  expect(answer.status).toBe(202);
  return ((await answer.json()) as { import_id: string }).import_id;
}

/** The import as it is once it stands in one of these. */
const settled = (id: string, statuses = ["complete", "failed", "cancelled"]) =>
  vi.waitFor(
    async () => {
      const described = (await (await get(id)).json()) as Described;
      expect(statuses).toContain(described.status);
      return described;
    },
    { timeout: 15_000, interval: 20 },
  );

const imported = async (query: string, body: BodyInit, headers: Record<string, string> = {}) =>
  settled(await begun(query, body, headers));
const rejected = async (id: string) => new TextDecoder().decode(await (await get(`${id}/rejected`)).bytes());
const filesOf = async (import_id: string) =>
  (await env.LAKE.list({ prefix: importKey.folder({ environment_id: ENVIRONMENT, import_id }) })).objects.map(
    ({ key }) => key.split("/").slice(3).join("/"),
  );

const ROWS = [
  { user_id: "u1", event: "Bought", timestamp: "2019-03-01T10:00:00Z", sku: "a" },
  { user_id: "u2", event: "Sold", timestamp: "2020-04-01T10:00:00+02:00", sku: "b, c" },
];
const FORMS = {
  csv: 'user_id,event,timestamp,sku\r\nu1,Bought,2019-03-01T10:00:00Z,a\r\nu2,Sold,2020-04-01T10:00:00+02:00,"b, c"\r\n',
  ndjson: ROWS.map((row) => JSON.stringify(row)).join("\n"),
  json: JSON.stringify(ROWS),
};

describe("a file", () => {
  it.each(Object.entries(FORMS))("of %s becomes events of their own times", async (format, file) => {
    const described = await imported(`?format=${format}`, file);
    const bytes = new TextEncoder().encode(file).byteLength;
    expect(described).toMatchObject({
      status: "complete",
      format,
      rows: { read: 2, accepted: 2, rejected: 0 },
      bytes: { done: bytes, total: bytes },
      failure: null,
    });
    expect(queued).toMatchObject([
      {
        message_id: `imp_${described.import_id}_1`,
        user_id: "u1",
        type: "track",
        event: "Bought",
        timestamp: "2019-03-01T10:00:00.000Z",
        properties: { sku: "a" },
      },
      {
        message_id: `imp_${described.import_id}_2`,
        timestamp: "2020-04-01T08:00:00.000Z",
        properties: { sku: "b, c" },
      },
    ]);
  });

  it.each<[string, string, Record<string, string>]>([
    ["", FORMS.csv, { "content-type": "text/csv; charset=utf-8" }],
    ["", FORMS.ndjson, { "content-type": "application/x-ndjson" }],
    ["", FORMS.json, { "content-type": "application/json" }],
    ["?file_name=Orders.JSONL.gz", FORMS.ndjson, { "content-type": "application/octet-stream" }],
  ])("is what its name or type says: %s %#", async (query, file, headers) => {
    expect(await imported(query, file, headers)).toMatchObject({ rows: { accepted: 2 } });
  });

  it.each([{ "content-encoding": "gzip" }, {}])("may be gzip, said (%o) or not", async (headers) => {
    const described = await imported("?format=csv", gzipSync(FORMS.csv), headers as Record<string, string>);
    expect(described).toMatchObject({ status: "complete", rows: { accepted: 2 }, bytes: { total: FORMS.csv.length } });
    expect(queued).toHaveLength(2);
  });

  it("is mapped and typed, named and given a type", async () => {
    const mapping = {
      mail: "traits.email",
      id: "user_id",
      age: "traits.age:number",
      vip: "traits.vip:boolean",
      note: null,
    };
    const file = "id,mail,age,vip,note,city\nu1,a@b.example,41,yes,secret,Ghent\nu2,c@d.example,old,no,,\n";
    const described = await imported("?format=csv&type=identify", file, { "x-mapping": JSON.stringify(mapping) });
    expect(queued).toMatchObject([
      { type: "identify", user_id: "u1", traits: { email: "a@b.example", age: 41, vip: true, city: "Ghent" } },
    ]);
    expect(JSON.stringify(queued)).not.toContain("secret");
    expect(described.reasons).toEqual({ invalid_value: 1 });
    await imported(
      `?format=csv&delimiter=tab&type=track&event=Opened&mapping=${encodeURIComponent('{"who":"user_id"}')}`,
      "who\ta\nu3\tb,c\n",
    );
    expect(queued.at(-1)).toMatchObject({ event: "Opened", user_id: "u3", properties: { a: "b,c" } });
  });

  it("keeps the message_ids that it brings", async () => {
    await imported(
      "?format=ndjson",
      '{"messageId":"mine","userId":"u1","event":"A"}\n{"message_id":null,"userId":"u1","event":"B"}',
    );
    expect(queued.map(({ message_id }) => message_id)).toEqual(["mine", expect.stringMatching(/^imp_[0-9a-f]{32}_2$/)]);
  });

  it("is deleted when it is done with; what was rejected stays", async () => {
    const { import_id } = await imported("?format=csv", gzipSync("user_id,event\nu1,A\n,B\n"));
    expect(await filesOf(import_id)).toEqual(["order.json", "rejected/000000", "state.json"]);
  });

  it("follows the source's rules about addresses, as a request does", async () => {
    await publish({ sources: [aSource({ ip_policy: "truncated" })] });
    try {
      await imported("?format=csv", "user_id,event,context.ip\nu1,A,203.0.113.77\n");
    } finally {
      await publish();
    }
    expect(queued[0]!.context.ip).toBe("203.0.113.0");
  });
});

describe("rejected rows", () => {
  it("of a CSV file are told in one, with their lines, reasons and texts", async () => {
    const file = 'user_id,event,n\nu1,A,1\nu2,B\n"x""y",,3\n"u3"x,C,4\nu4,"two\nlines",5\nu5,E,6,7\n';
    const { import_id, rows, reasons } = await imported("?format=csv", file);
    expect(rows).toEqual({ read: 6, accepted: 2, rejected: 4 });
    expect(reasons).toEqual({ wrong_column_count: 2, invalid_event: 1, stray_quote: 1 });
    expect(await rejected(import_id)).toBe(
      [
        "row,line,code,message,text",
        '2,3,wrong_column_count,"2 columns where the first row has 3","u2,B"',
        '3,4,invalid_event,"event: Invalid input: expected string, received undefined","""x""""y"",,3"',
        '4,5,stray_quote,"a quote stands inside a field, or something stands behind a closing quote; within quotes write """"","""u3""x,C,4"',
        '6,8,wrong_column_count,"4 columns where the first row has 3","u5,E,6,7"',
        "",
      ].join("\r\n"),
    );
  });

  it("of NDJSON are told in NDJSON", async () => {
    const file = '{"user_id":"u1"}\n[1]\n{"a":\n"x"\n{"user_id":"u1","event":"A","__proto__":{}}\n';
    const { import_id, rows } = await imported("?format=ndjson", file);
    expect(rows).toEqual({ read: 5, accepted: 0, rejected: 5 });
    const lines = (await rejected(import_id))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.map(({ row, line, code, text }) => [row, line, code, text])).toEqual([
      [1, 1, "invalid_event", '{"user_id":"u1"}'],
      [2, 2, "invalid_request", "[1]"],
      [3, 3, "invalid_json", '{"a":'],
      [4, 4, "invalid_request", '"x"'],
      [5, 5, "invalid_request", '{"user_id":"u1","event":"A","__proto__":{}}'],
    ]);
  });

  const good = (format: string) => (format === "csv" ? "u9,Last\n" : '{"user_id":"u9","event":"Last"}\n');
  const csv = "user_id,event\n";
  it.each<[string, string, string | Uint8Array, object]>([
    ["letters that are no UTF-8", "csv", latin1(`${csv}u1,caf\xe9\n`), { invalid_encoding: 1 }],
    ["letters that are no UTF-8", "ndjson", latin1('{"user_id":"u1","event":"caf\xe9"}\n'), { invalid_encoding: 1 }],
    ["zero bytes", "csv", `${csv}u\0,A\n`, { invalid_encoding: 1 }],
    ["zero bytes", "ndjson", '{"user_id":"u\0"}\n', { invalid_json: 1 }],
    [
      "too many levels",
      "ndjson",
      `{"user_id":"u1","event":"A","properties":${'{"a":'.repeat(40)}1${"}".repeat(41)}\n`,
      { invalid_event: 1 },
    ],
    ["a hundred thousand brackets", "ndjson", `${"[".repeat(100_000)}\n`, { invalid_json: 1 }],
    [
      "an event of more than 32 KB",
      "csv",
      `${csv}u1,A,\n`.replace("event\n", "event,p\n").replace("A,", `A,${"x".repeat(33_000)}`),
      { event_too_large: 1 },
    ],
    ["a line of 10 MB", "ndjson", `{"user_id":"${"x".repeat(10 * 1024 * 1024)}"}\n`, { row_too_large: 1 }],
  ])("are only those with %s (%s)", async (_, format, file, reasons) => {
    const isWide = format === "csv" && Object.hasOwn(reasons, "event_too_large");
    const last = isWide ? "u9,Last,\n" : good(format);
    const described = await imported(`?format=${format}`, new Blob([file as never, last]));
    expect(described).toMatchObject({ status: "complete", rows: { accepted: 1, rejected: 1 }, reasons });
    expect(queued).toMatchObject([{ user_id: "u9" }]);
  });

  it("end with a quote that never closes, told where it opens", async () => {
    const { import_id, reasons, rows } = await imported("?format=csv", 'user_id,event\nu1,A\n"u2,B\nu3,C\n');
    expect([rows.accepted, reasons]).toEqual([1, { unterminated_quote: 1 }]);
    expect(await rejected(import_id)).toContain("2,3,unterminated_quote,");
  });
});

describe("a file that cannot be read at all fails with a name, and queues nothing", () => {
  const chance = new Seeded(7);
  const noise = Uint8Array.from({ length: 50_000 }, () => chance.below(256));
  it.each<[string, string, string | Uint8Array, string]>([
    ["binary", "csv", new Uint8Array([0xff, 0xfe, ...noise]), "invalid_encoding"],
    ["no array", "json", '{"batch":[]}', "not_an_array"],
    ["without a first row", "csv", "\n\n", "no_columns"],
    ["with a column twice", "csv", "a,a\n1,2\n", "duplicate_column"],
    ["with a first row of zero bytes (UTF-16)", "csv", "u\0s\0e\0r\0\n", "invalid_encoding"],
    ["with an endless first row", "csv", `"${"a".repeat(300_000)}`, "row_too_large"],
    ["truncated gzip", "csv", gzipSync(noise).subarray(0, 40_000), "invalid_gzip"],
  ])("%s (%s)", async (_, format, file, code) => {
    const described = await imported(`?format=${format}`, file as BodyInit);
    expect(described).toMatchObject({ status: "failed", failure: { code }, rows: { accepted: 0 } });
    expect(queued).toEqual([]);
    expect(await filesOf(described.import_id)).toEqual(["order.json", "state.json"]);
    expect((await act(described.import_id, "resume")).status).toBe(409);
  });

  it("lacks a column that the mapping names", async () => {
    const described = await imported("?format=csv", "user_id\nu1\n", { "x-mapping": '{"emial":"traits.email"}' });
    expect(described.failure).toEqual({
      code: "unknown_column",
      message: "The mapping names emial, which is no column of the file",
    });
  });

  it("but binary lines that have no first row are rejected one by one", async () => {
    const described = await imported("?format=ndjson", noise as BodyInit);
    expect(described.status).toBe("complete");
    expect(described.rows).toMatchObject({ accepted: 0, rejected: described.rows.read });
    expect(described.rows.read).toBeGreaterThan(50);
  });
});

it("a dry run tells everything and queues nothing", async () => {
  const described = await imported("?format=csv&dry_run=true", "user_id,event\nu1,A\n,B\n");
  expect(described).toMatchObject({ dry_run: true, status: "complete", rows: { read: 2, accepted: 1, rejected: 1 } });
  expect(await rejected(described.import_id)).toContain("invalid_event");
  expect(queued).toEqual([]);
});

const manyRows = (n: number) =>
  Array.from({ length: n }, (_, i) => `{"user_id":"u${i}","event":"A","n":${i}}`).join("\n");
const numbers = () => queued.map(({ properties }) => properties.n as number);

describe("an import that is stopped", () => {
  it("in the middle of a slice ends with it, and goes on behind it without a row twice", async () => {
    let goOn = () => {};
    const held = new Promise<void>((done) => {
      goOn = done;
    });
    const spy = send();
    const take = spy.getMockImplementation()!;
    spy.mockImplementation(async (...message) => {
      await held;
      return take(...message);
    });
    const id = await begun("?format=ndjson", manyRows(12_000));
    await vi.waitFor(() => expect(spy).toHaveBeenCalled(), { timeout: 10_000, interval: 5 });
    const answer = await act(id, "cancel");
    expect(answer.status).toBe(202);
    expect(await answer.json()).toMatchObject({ status: "cancelling" });
    expect((await act(id, "resume")).status).toBe(409);
    goOn();
    expect(await settled(id, ["cancelled"])).toMatchObject({ rows: { rejected: 0 } });
    expect(queued).toHaveLength(5_000);
    expect((await act(id, "cancel")).status).toBe(202);

    expect((await act(id, "resume")).status).toBe(202);
    expect(await settled(id, ["complete"])).toMatchObject({ rows: { read: 12_000, accepted: 12_000, rejected: 0 } });
    expect(numbers()).toEqual(Array.from({ length: 12_000 }, (_, i) => i));
    expect(new Set(queued.map(({ message_id }) => message_id)).size).toBe(12_000);
    expect((await act(id, "resume")).status).toBe(409);
    expect((await act(id, "cancel")).status).toBe(409);
  });

  it("goes on once, however often that is asked for", async () => {
    const id = await begun("?format=ndjson", manyRows(6_000));
    await act(id, "cancel");
    await settled(id, ["cancelled", "complete"]);
    const answers = await Promise.all([act(id, "resume"), act(id, "resume"), act(id, "resume")]);
    expect(answers.filter(({ status }) => status === 202).length).toBeGreaterThan(0);
    await settled(id, ["complete"]);
    expect(numbers().sort((a, b) => a - b)).toEqual(Array.from({ length: 6_000 }, (_, i) => i));
  });

  it("by a crash behind the queue repeats the slice under the same message_ids, and nothing else", async () => {
    // No Workflow: the steps are taken here.
    const ids = { environment_id: ENVIRONMENT, import_id: "" };
    vi.spyOn(door.env.IMPORTS, "create").mockResolvedValue({} as WorkflowInstance);
    ids.import_id = await begun("?format=ndjson", `${manyRows(7_000)}\nbad\n`);
    expect(await advance(door.env, ids, 1)).toBe("running");
    expect(await advance(door.env, ids, 1)).toBe("running");
    const put = env.LAKE.put.bind(env.LAKE);
    const crash = vi
      .spyOn(door.env.LAKE, "put")
      .mockImplementation(((key: string, ...rest: [string]) =>
        key.endsWith("state.json") ? Promise.reject(new Error("R2 is away")) : put(key, ...rest)) as typeof put);
    await expect(advance(door.env, ids, 1)).rejects.toThrow("R2 is away");
    crash.mockRestore();
    expect(queued).toHaveLength(7_000);
    expect(await advance(door.env, ids, 1)).toBe("complete");
    expect(queued).toHaveLength(9_000);
    expect(new Set(queued.map(({ message_id }) => message_id)).size).toBe(7_000);
    expect((await readState(env.LAKE, ids))!.state).toMatchObject({ accepted: 7_000, rejected: 1 });
    expect((await rejected(ids.import_id)).trim().split("\n")).toHaveLength(1);
    expect(await advance(door.env, ids, 1)).toBe("complete");
    expect(queued).toHaveLength(9_000);
  });

  it("by the platform's forgetting it says so after a while, and can be resumed", async () => {
    vi.spyOn(door.env.IMPORTS, "create").mockResolvedValue({} as WorkflowInstance);
    const id = await begun("?format=ndjson", manyRows(10));
    expect(await (await get(id)).json()).toMatchObject({ status: "queued" });
    const now = Date.now();
    vi.spyOn(Date, "now").mockReturnValue(now + 11 * 60_000);
    expect(await (await get(id)).json()).toMatchObject({ status: "failed", failure: { code: "internal" } });
    vi.restoreAllMocks();
    takeMessages();
    expect((await act(id, "resume")).status).toBe(202);
    expect(await settled(id)).toMatchObject({ status: "complete", rows: { accepted: 10 } });
  });

  it("is no longer its old run's, which may still be there", async () => {
    vi.spyOn(door.env.IMPORTS, "create").mockResolvedValue({} as WorkflowInstance);
    const ids = { environment_id: ENVIRONMENT, import_id: await begun("?format=ndjson", manyRows(10)) };
    await advance(door.env, ids, 1);
    expect((await act(ids.import_id, "resume")).status).toBe(202);
    expect(await advance(door.env, ids, 1)).toBe("superseded");
    expect(queued).toEqual([]);
    expect(await advance(door.env, ids, 2)).toBe("complete");
    expect(queued).toHaveLength(10);
  });
});

it("an import of more slices than one instance takes is handed to the next", async () => {
  const described = await imported("?format=ndjson", `${"{}\n".repeat(5_000 * 40)}${manyRows(1)}`);
  expect(described).toMatchObject({ status: "complete", rows: { read: 200_001, accepted: 1, rejected: 200_000 } });
  const ids = { environment_id: ENVIRONMENT, import_id: described.import_id };
  expect((await readState(env.LAKE, ids))!.state.run).toBe(2);
}, 60_000);

describe("an Idempotency-Key", () => {
  it("makes one import of a file that is sent twice", async () => {
    const key = { "idempotency-key": `orders-${crypto.randomUUID()}` };
    const first = await imported("?format=csv", FORMS.csv, key);
    const second = await imported("?format=csv", FORMS.csv, key);
    expect(second).toEqual(first);
    expect(queued).toHaveLength(2);
  });

  it("does so at once too, and keeps one file", async () => {
    const key = { "idempotency-key": `orders-${crypto.randomUUID()}` };
    const ids = await Promise.all([1, 2, 3].map(() => begun("?format=csv", FORMS.csv, key)));
    expect(new Set(ids).size).toBe(1);
    await settled(ids[0]!);
    expect(queued).toHaveLength(2);
    expect(await filesOf(ids[0]!)).toEqual(["order.json", "state.json"]);
  });

  it("begins what the first request could not", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const key = { "idempotency-key": `orders-${crypto.randomUUID()}` };
    const create = vi.spyOn(door.env.IMPORTS, "create").mockRejectedValue(new Error("away"));
    expect((await post("?format=csv", FORMS.csv, key)).status).toBe(503);
    create.mockRestore();
    expect(await imported("?format=csv", FORMS.csv, key)).toMatchObject({ rows: { accepted: 2 } });
    expect(queued).toHaveLength(2);
  });

  it("lets the same file in again under another key", async () => {
    const a = await begun("?format=csv", FORMS.csv, { "idempotency-key": `a-${crypto.randomUUID()}` });
    const b = await begun("?format=csv", FORMS.csv, { "idempotency-key": `b-${crypto.randomUUID()}` });
    expect(a).not.toBe(b);
    await Promise.all([settled(a), settled(b)]);
  });
});

/** A body whose length nobody says. */
function stream(chunks: number, chunk: Uint8Array): ReadableStream<Uint8Array> {
  let left = chunks;
  return new ReadableStream({
    pull(controller) {
      if (left-- > 0) controller.enqueue(chunk);
      else controller.close();
    },
  });
}

describe("an upload", { timeout: 30_000 }, () => {
  const MB = new Uint8Array(1024 * 1024).fill(32);
  const uploads = async () => (await env.LAKE.list({ prefix: `imports/${ENVIRONMENT}/` })).objects.length;

  it("of an unknown length is taken in parts", async () => {
    const head = new TextEncoder().encode(`${" ".repeat(1023)}\n`.repeat(1024));
    const body = new ReadableStream({
      async start(controller) {
        for (let i = 0; i < 17; i++) controller.enqueue(head);
        controller.enqueue(new TextEncoder().encode(FORMS.ndjson));
        controller.close();
      },
    });
    expect(await imported("?format=ndjson", body)).toMatchObject({
      rows: { accepted: 2 },
      bytes: { total: 17 * 1024 * 1024 + FORMS.ndjson.length },
    });
  });

  it.each<[string, () => BodyInit, Record<string, string>]>([
    ["says that it has more than 100 MB", () => stream(1, MB), { "content-length": String(100 * 1024 * 1024 + 1) }],
    ["has more than it says nothing about", () => stream(101, MB), {}],
  ])("that %s is refused and leaves nothing", async (_, body, headers) => {
    const before = await uploads();
    const answer = await post("?format=csv", body(), headers);
    expect(answer.status).toBe(413);
    expect(await answer.json()).toMatchObject({ error: { code: "request_too_large" } });
    expect(await uploads()).toBe(before);
  });

  it("that ends before its length is refused and leaves nothing", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const before = await uploads();
    const answer = await post("?format=csv", stream(1, MB), { "content-length": String(2 * 1024 * 1024) });
    expect(answer.status).toBe(503);
    expect(await uploads()).toBe(before);
  });

  it.each<[string, string, BodyInit | null, Record<string, string>, number, string]>([
    ["has no body", "?format=csv", null, {}, 400, "invalid_request"],
    ["has an empty body", "?format=csv", stream(0, MB), {}, 400, "invalid_request"],
    ["says no format", "", "a", { "content-type": "text/plain" }, 400, "invalid_request"],
    ["says another format", "?format=xlsx", "a", {}, 400, "invalid_request"],
    ["misspells what it asks for", "?format=csv&dryrun=true", "a", {}, 400, "invalid_request"],
    ["says another type", "?format=csv&type=buy", "a", {}, 400, "invalid_request"],
    ["has a mapping that is no JSON", "?format=csv&mapping={", "a", {}, 400, "invalid_json"],
    ["maps to nowhere", "?format=csv", "a", { "x-mapping": '{"a":"b"}' }, 400, "invalid_request"],
    [
      "has a public key",
      "?format=csv",
      "a",
      { authorization: `Basic ${btoa(`${WRITE_KEY}:`)}` },
      403,
      "server_key_needed",
    ],
    ["has no key", "?format=csv", "a", { authorization: "" }, 401, "unknown_write_key"],
  ])("that %s is refused", async (_, query, body, headers, status, code) => {
    const answer = await post(query, body, headers);
    expect([answer.status, ((await answer.json()) as { error: { code: string } }).error.code]).toEqual([status, code]);
  });

  it("whose import cannot begin is kept, and can be resumed", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const create = vi.spyOn(door.env.IMPORTS, "create").mockRejectedValue(new Error("away"));
    const answer = await post("?format=csv", FORMS.csv);
    expect(answer.status).toBe(503);
    const { import_id } = (await answer.json()) as { import_id: string };
    create.mockRestore();
    expect((await act(import_id, "resume")).status).toBe(202);
    expect(await settled(import_id)).toMatchObject({ status: "complete", rows: { accepted: 2 } });
  });
});

describe("imports", () => {
  it("are listed, newest first", async () => {
    const older = await imported("?format=csv", FORMS.csv);
    const newer = await imported("?format=csv", FORMS.csv);
    const answer = await door.fetch(PATH, { headers: AUTH });
    const { imports } = (await answer.json()) as { imports: Described[] };
    expect(imports.slice(0, 2)).toEqual([newer, older]);
    expect(imports.length).toBeLessThanOrEqual(20);
  });

  it("of another environment are not there", async () => {
    const { import_id } = await imported("?format=csv", FORMS.csv);
    await publish({ id: "env_other_imports" });
    try {
      for (const path of [import_id, `${import_id}/rejected`]) expect((await get(path)).status).toBe(404);
      for (const what of ["cancel", "resume"] as const) expect((await act(import_id, what)).status).toBe(404);
      expect(await (await door.fetch(PATH, { headers: AUTH })).json()).toEqual({ imports: [] });
    } finally {
      await publish();
    }
  });

  it.each(["0".repeat(32), "..%2f..%2fspill", "x", "recent"])("that nobody sent are not there: %s", async (id) => {
    expect((await get(id)).status).toBe(404);
    expect((await get(`${id}/rejected`)).status).toBe(404);
  });

  it.each(["", "/rejected"])("are for server keys only: GET …%s", async (path) => {
    const { import_id } = await imported("?format=csv", FORMS.csv);
    expect((await get(`${import_id}${path}`, { authorization: `Basic ${btoa(`${WRITE_KEY}:`)}` })).status).toBe(403);
    expect((await get(`${import_id}${path}`, {})).status).toBe(401);
  });
});

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}
