/** Files into S3 and what speaks like it, against a store that checks each signature with AWS's own signer. */
import { gunzipSync } from "node:zlib";
import { parquetReadObjects } from "hyparquet";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Event } from "../../core/event.ts";
import {
  aBatch,
  aDelivery,
  aDeliveryEnv,
  aMessage,
  anItem,
  gateOf,
  publishIntegration,
} from "../../test/a-delivery.ts";
import { vendorNetwork } from "../../test/a-vendor-network.ts";
import { anEvent } from "../../test/an-event.ts";
import { accounts, buckets } from "../../test/vendor-sink/s3.ts";
import { forgetConfiguration } from "../config.ts";
import { sign } from "./credentials-for.ts";
import { deliver } from "./deliver.ts";
import { splitSecrets } from "./destination.ts";
import { destinationNamed } from "./destinations/index.ts";
import { s3 } from "./destinations/s3.ts";

beforeEach(() => {
  forgetConfiguration();
  accounts.set("AKIAEXAMPLE", "example-secret-access-key");
});
afterEach(() => vi.restoreAllMocks());

const account = { access_key_id: "AKIAEXAMPLE", secret_access_key: "example-secret-access-key" };
let count = 0;

function aBucket(region = "eu-central-1") {
  const bucket = `shop-events-${++count}`;
  const objects = new Map<string, Buffer>();
  buckets.set(bucket, { region, objects });
  return { bucket, objects };
}

async function put(name: "s3" | "r2", settings: Record<string, unknown>, ...messages: Event[][]) {
  const destination = destinationNamed(name)!;
  const { open, secrets } = splitSecrets(destination.settings, settings);
  const integration = await publishIntegration({ destination: name, settings: open, secrets });
  const given = aDeliveryEnv();
  const bodies = messages.map((events) =>
    aDelivery(integration, { items: events.map((event) => anItem({ payload: destination.map(event, open) })) }),
  );
  await deliver(aBatch(bodies.map((body) => aMessage(body))), given.env);
  return { ...given, integration };
}

const some = () => [
  anEvent({ message_id: "żółw-1", properties: { plan: "pro", seats: 5, revenue: 1.5 } }),
  anEvent({ message_id: "m-2", type: "page", event: "page" }),
];

it("is signed as AWS's own example of a PUT is", async () => {
  const request = {
    url: "https://examplebucket.s3.amazonaws.com/test$file.text",
    method: "PUT" as const,
    headers: { date: "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY" },
    body: "Welcome to Amazon S3.",
  };
  const settings = {
    ...account,
    access_key_id: "AKIAIOSFODNN7EXAMPLE",
    secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    region: "us-east-1",
  };
  const { headers } = await sign(request, { destination: s3, settings }, new Date("2013-05-24T00:00:00.000Z"));
  expect(headers.authorization).toContain("Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
});

describe("a file", () => {
  const columns = { plan: "string", seats: "integer" };

  it("is Parquet under its day, which any reader opens; sent again it overwrites itself", async () => {
    vendorNetwork();
    const { bucket, objects } = aBucket();
    const settings = { ...account, bucket, region: "eu-central-1", columns };
    const events = some();
    expect((await put("s3", settings, events)).sent).toEqual([]);
    expect((await put("s3", settings, [...events].reverse())).sent).toEqual([]);
    expect([...objects.keys()]).toEqual([expect.stringMatching(/^events\/dt=2026-11-20\/[0-9a-f]{32}\.parquet$/)]);

    const [bytes] = objects.values();
    const file = new Uint8Array(bytes!).buffer;
    const rows = await parquetReadObjects({ file, compressors: { GZIP: (data) => gunzipSync(data) } });
    expect(rows).toMatchObject([
      { message_id: "m-2", type: "page", plan: null, seats: null, received_at: new Date("2026-11-20T10:00:01.000Z") },
      { message_id: "żółw-1", plan: "pro", seats: 5n, revenue: 1.5 },
    ]);
    expect(rows[1]!.properties).toBe('{"plan":"pro","seats":5,"revenue":1.5}');
  });

  it("is NDJSON where the settings say so, with a prefix of their own, in R2 too", async () => {
    vendorNetwork();
    const { bucket, objects } = aBucket("auto");
    const settings = {
      ...account,
      bucket,
      account_id: "0".repeat(32),
      jurisdiction: "eu",
      format: "ndjson",
      prefix: "raw/shop=1",
    };
    expect((await put("r2", settings, some())).sent).toEqual([]);
    const [[key, bytes]] = objects as unknown as [[string, Buffer]];
    expect(key).toMatch(/^raw\/shop=1\/dt=2026-11-20\/[0-9a-f]{32}\.ndjson\.gz$/);
    const lines = gunzipSync(bytes).toString().trim().split("\n");
    expect(lines.map((line) => JSON.parse(line).message_id)).toEqual(["żółw-1", "m-2"]);
  });

  it("goes to another store that speaks S3, and to a bucket with dots, by the path", async () => {
    const calls = vendorNetwork((call) => (call.url.hostname.startsWith("cloudflare-dns") ? 500 : undefined));
    const { bucket, objects } = aBucket();
    await put("s3", { ...account, bucket, region: "eu-central-1", endpoint: "https://minio.example.com/" }, some());
    buckets.set("my.shop.events", { region: "eu-central-1", objects });
    await put("s3", { ...account, bucket: "my.shop.events", region: "eu-central-1" }, some());
    const hosts = calls.map(({ url, status }) => `${new URL(url).hostname} ${status}`);
    expect(hosts.filter((host) => !host.startsWith("cloudflare-dns"))).toEqual([
      "minio.example.com 200",
      "s3.eu-central-1.amazonaws.com 200",
    ]);
    expect(objects.size).toBe(1);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ["another secret", { secret_access_key: "wrong" }, "SignatureDoesNotMatch"],
    ["a key that is nobody's", { access_key_id: "AKIANOBODY" }, "InvalidAccessKeyId"],
    ["a bucket that is not there", { bucket: "nowhere-at-all" }, "NoSuchBucket"],
    ["another region than the bucket's", { region: "us-east-1" }, "the bucket is in eu-central-1"],
  ])("is refused with %s: a person must act, and the events wait", async (_, given, words) => {
    vendorNetwork();
    const { bucket, objects } = aBucket();
    const { sent, integration } = await put("s3", { ...account, bucket, region: "eu-central-1", ...given }, some());
    expect(sent).toMatchObject([{ body: { items: [{}, {}] } }]);
    const stats = await gateOf(integration);
    expect(stats).toMatchObject({ state: "unauthorised", reason: expect.stringContaining(words) });
    expect(JSON.stringify(stats)).not.toContain("example-secret-access-key");
    expect(objects.size).toBe(0);
  });
});
