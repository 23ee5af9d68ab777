/** The command as a person runs it, against a DNS server and a Millrace of its own. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { type FakeDns, type FakeRecord, startFakeDns } from "./fake-dns.ts";
import { type FakeDoor, type FakeDoorOptions, KNOWN_KEY, startFakeDoor, TEST_CERTIFICATE } from "./fake-door.ts";

const REPO = join(import.meta.dirname, "../..");
const HERE = { addresses: ["127.0.0.1"] };

let dns: FakeDns | undefined;
let door: FakeDoor | undefined;
afterEach(async () => {
  await Promise.all([dns?.close(), door?.close()]);
  dns = door = undefined;
});

interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** `trusting` is what a browser does with a real certificate: here it takes the test's. */
function run(args: string[], { trusting = true } = {}): Promise<Finished> {
  const node = join(REPO, "node_modules/.bin/node");
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: trusting ? TEST_CERTIFICATE : "" };
  const child = spawn(node, [join(REPO, "scripts/domain.ts"), ...args], { env });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })));
}

interface World extends FakeDoorOptions {
  records?: Record<string, FakeRecord>;
  trusting?: boolean;
}

/** Checks `host` at the fake Millrace's port, with `data.shop.test` and `www.shop.test` on this machine. */
async function checking(host: string, args: string[] = [], world: World = {}): Promise<Finished> {
  dns = await startFakeDns({ "data.shop.test": HERE, "www.shop.test": HERE, ...world.records });
  door = await startFakeDoor(world);
  const [name, ...path] = host.split("/");
  const address = [`${name}:${door.port}`, ...path].join("/");
  return run(["check", address, "--dns", dns.server, ...args], { trusting: world.trusting ?? true });
}

it("tells a person that all is well, and asks nothing that writes", async () => {
  const { code, stdout, stderr } = await checking("data.shop.test", ["--write-key", KNOWN_KEY]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain("data.shop.test, for the pages of www.shop.test (a guess: --site names it)");
  expect(stdout).toMatch(/✓ CNAME {6}None/);
  expect(stdout).toMatch(
    /✓ HTTPS {6}Valid until 2\d{3}-\d\d-\d\d, from Millrace tests only; TLS 1\.3, HTTP\/\S+, \d+ ms\./,
  );
  expect(stdout).toMatch(/✓ Health {5}Millrace answers, in \d+ ms\./);
  expect(stdout).toMatch(/✓ Script {5}\/millrace\.js is 0\.\d kB, compressed \(br\)\./);
  expect(stdout).toMatch(/✓ Events {5}Pages of https:\/\/www\.shop\.test may send to \/v1\/batch, with cookies\./);
  expect(stdout).toMatch(/✓ Write key {2}It is known here\./);
  expect(stdout).toMatch(/✓ Safari .*400 days/);
  expect(stdout).toMatch(/\nIt works\. One thing could be better\.\n$/);
  expect(door!.requests.toSorted()).toEqual([
    "GET /health/live",
    "GET /millrace.js",
    "GET /v1/projects/wk_known/settings",
    "OPTIONS /v1/batch",
  ]);
});

it("has no colours and no cursor movements where nobody watches", async () => {
  const { stdout } = await checking("data.shop.test");
  expect(stdout).not.toContain("\u001b");
});

it("prints the same as data", async () => {
  const { code, stdout } = await checking("data.shop.test", ["--json", "--site", "https://shop.test/"], {
    records: { "shop.test": { addresses: ["104.16.1.1"] } },
  });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    host: "data.shop.test",
    site: "shop.test",
    site_guessed: false,
    works: true,
    findings: [
      { question: "address", outcome: "warning" },
      { question: "cname", outcome: "good" },
      { question: "certificate", outcome: "good" },
      { question: "health", outcome: "good" },
      { question: "script", outcome: "good" },
      { question: "events", outcome: "good" },
      { question: "write_key", outcome: "skipped" },
    ],
    safari: { cookies: "7_days", next: expect.stringContaining("route") },
    dns: { host: { addresses: ["127.0.0.1"], cname: [] }, site: { addresses: ["104.16.1.1"] } },
  });
});

it("checks only the script and its events where a path alone is Millrace's", async () => {
  const { code, stdout } = await checking("www.shop.test/q7/shop.js", [], {
    answers: { "/health/live": { status: 404, body: "the shop's own page" } },
  });
  expect(code).toBe(0);
  expect(stdout).toContain("www.shop.test, for its own pages");
  expect(stdout).toContain("may send to /q7/e, with cookies");
  expect(stdout).toMatch(/Safari .*share a host/);
  expect(door!.requests.toSorted()).toEqual(["GET /q7/shop.js", "OPTIONS /q7/e"]);
});

it("takes the bare domain for the site where there is no www", async () => {
  dns = await startFakeDns({ "data.bare.test": HERE, "bare.test": HERE });
  const { stdout } = await run(["check", "data.bare.test:9", "--dns", dns.server, "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({ site: "bare.test", site_guessed: true });
});

it("says what it read where more was pasted", async () => {
  dns = await startFakeDns({});
  const { stderr } = await run(["check", "HTTPS://Data.Nowhere.Test./some/page", "--dns", dns.server]);
  expect(stderr).toBe("Checking data.nowhere.test: the rest of what you gave is not needed.\n\n");
});

it.each<[string, Record<string, FakeRecord>, string, string]>([
  ["the DNS does not know it", {}, "The DNS does not know data.shop.test.", "Is it spelled right?"],
  ["it has no address", { "data.shop.test": { addresses: [] } }, "no A and no AAAA record", "custom domain"],
  [
    "its CNAME leads to nothing",
    { "data.shop.test": { cname: "gone.cdp.test" } },
    "leads to gone.cdp.test, which has no address",
    "Mend the CNAME",
  ],
  [
    "its CNAMEs go round in a circle",
    { "data.shop.test": { cname: "a.shop.test" }, "a.shop.test": { cname: "data.shop.test" } },
    "never end: data.shop.test → a.shop.test → …",
    "Remove the CNAME",
  ],
  ["the DNS server fails", { "data.shop.test": "fails" }, "could not say anything", "DNSSEC"],
  ["the DNS server is silent", { "data.shop.test": "silent" }, "did not answer", "--dns 1.1.1.1"],
])("fails, and says what to do, when %s", async (_, records, says, next) => {
  dns = await startFakeDns(records);
  const { code, stdout } = await run(["check", "data.shop.test", "--site", "www.shop.test", "--dns", dns.server]);
  expect(code).toBe(1);
  const text = stdout.replace(/\s+/g, " ");
  expect(text).toContain(says);
  expect(text).toMatch(new RegExp(`→ [^→]*${next.replace(/[?.]/g, "\\$&")}`));
  expect(text).toContain("It does not work: one check failed.");
});

it("warns of a CNAME to another's domain, which works all the same", async () => {
  const { code, stdout } = await checking("data.shop.test", [], {
    records: { "data.shop.test": { cname: "customers.cdp.test" }, "customers.cdp.test": HERE },
  });
  expect(code).toBe(0);
  expect(stdout).toContain("! CNAME      data.shop.test → customers.cdp.test: another domain's.");
  expect(stdout).toContain("! Safari     Its CNAME leads to cdp.test, away from the site");
});

it("names a record that is not proxied", async () => {
  dns = await startFakeDns({ "data.shop.test": { addresses: ["100::"] } });
  const { code, stdout } = await run(["check", "data.shop.test:9", "--dns", dns.server]);
  expect(code).toBe(1);
  expect(stdout).toContain("✗ Address    100::: the placeholder of a record that is not proxied");
});

it.each<[string, string, World, string]>([
  ["nobody trusts its certificate", "data.shop.test", { trusting: false }, "The certificate comes from no one whom"],
  [
    "its certificate is for other names",
    "data.elsewhere.test",
    { records: { "data.elsewhere.test": HERE } },
    "The certificate is for other names.",
  ],
  ["it speaks plain HTTP only", "data.shop.test", { plain: true }, "By plain HTTP something answers"],
  [
    "it redirects",
    "data.shop.test",
    { answers: { "/health/live": { status: 301, headers: { location: "https://data.shop.test/health/live" } } } },
    "/health/live redirects to https://data.shop.test/health/live",
  ],
  [
    "something else answers",
    "data.shop.test",
    { answers: { "/health/live": { body: "It works!\u001b[31m" } } },
    "/health/live answers 200, and not as Millrace does. It says: It works! [31m",
  ],
  [
    "Cloudflare refuses the CNAME",
    "data.shop.test",
    { answers: { "/health/live": { status: 403, body: "error code: 1014" } } },
    "/health/live: Cloudflare answers error 1014.",
  ],
  [
    "Cloudflare looks for a server behind it",
    "data.shop.test",
    { answers: { "/health/live": { status: 522, headers: { server: "cloudflare" } } } },
    "/health/live: Cloudflare answers 522: it found no server.",
  ],
  [
    "Cloudflare challenges its visitors",
    "data.shop.test",
    { answers: { "/health/live": { status: 403, headers: { "cf-mitigated": "challenge" } } } },
    "/health/live: Cloudflare challenges the visitor",
  ],
  [
    "the script is a page",
    "data.shop.test",
    { answers: { "/millrace.js": { headers: { "content-type": "text/html" }, body: "<p>millrace" } } },
    "/millrace.js answers 200, and not with the script.",
  ],
  [
    "the script is garbled",
    "data.shop.test",
    {
      answers: {
        "/millrace.js": { headers: { "content-type": "text/javascript", "content-encoding": "br" }, body: "millrace" },
      },
    },
    "/millrace.js answers 200, and not with the script.",
  ],
  [
    "a rule rewrites its headers",
    "data.shop.test",
    {
      answers: {
        "/v1/batch": {
          status: 204,
          headers: {
            "access-control-allow-origin": "*",
            "access-control-allow-methods": "GET",
            "access-control-allow-headers": "content-type",
          },
        },
      },
    },
    "it does not name the origin, does not allow cookies, does not allow POST.",
  ],
])("fails when %s", async (_, host, world, says) => {
  const { code, stdout } = await checking(host, [], world);
  expect(code).toBe(1);
  expect(stdout.replace(/\s+/g, " ")).toContain(says);
  expect(stdout).toMatch(/✗ .*\n(?: {15}\S.*\n)* {15}→ /);
  expect(stdout).not.toContain("\u001b");
});

it("fails where nobody listens", async () => {
  dns = await startFakeDns({ "data.shop.test": HERE });
  const { code, stdout } = await run(["check", "data.shop.test:9", "--dns", dns.server]);
  expect(code).toBe(1);
  expect(stdout).toContain("Nobody listens at this port. (ECONNREFUSED)");
});

it("fails for a write key that is not known, and never prints it", async () => {
  const { code, stdout, stderr } = await checking("data.shop.test", ["--write-key", "wk_of_someone/else"]);
  expect(code).toBe(1);
  expect(stdout).toContain("✗ Write key  It is not known here.");
  expect(stdout + stderr).not.toContain("wk_of_someone");
  expect(door!.requests).toContain("GET /v1/projects/wk_of_someone%2Felse/settings");
});

it("warns of a script that is not compressed", async () => {
  const { code, stdout } = await checking("data.shop.test", [], {
    answers: { "/millrace.js": { headers: { "content-type": "text/javascript" }, body: "millrace".repeat(1_000) } },
  });
  expect(code).toBe(0);
  expect(stdout).toContain("! Script     /millrace.js is 8.0 kB, not compressed.");
});

it("calls another site's host a third party", async () => {
  const { code, stdout } = await checking("data.other.test", ["--site", "www.shop.test"], {
    records: { "data.other.test": HERE },
  });
  expect(code).toBe(0);
  expect(stdout).toMatch(/! Safari {5}data\.other\.test is not part of the site www\.shop\.test/);
  expect(stdout).toContain("→ Use a host below shop.test.");
});

it.each([
  ["no command is given", [], "check is missing"],
  ["the command is unknown", ["mend", "data.shop.test"], "There is no command mend, only check."],
  ["no host is given", ["check"], "HOST is missing"],
  ["two hosts are given", ["check", "a.shop.test", "b.shop.test"], "One host at a time"],
  ["the host is none", ["check", "192.0.2.1"], "192.0.2.1 is an address"],
  ["the site is none", ["check", "data.shop.test", "--site", "localhost"], "--site: localhost is this machine"],
  ["a server's key is given", ["check", "data.shop.test", "--write-key", "sk_secret"], "that one is a server's"],
  ["an app's key is given", ["check", "data.shop.test", "--write-key", "ak_secret"], "that one is a server's"],
  ["an app's secret is given", ["check", "data.shop.test", "--write-key", "as_secret"], "that one is a server's"],
  ["the DNS server has no address", ["check", "data.shop.test", "--dns", "dns.shop.test"], "is not an IP address"],
  ["an option is unknown", ["check", "data.shop.test", "--wat"], "Unknown option '--wat'"],
])("shows its usage when %s", async (_, args, why) => {
  const { code, stdout, stderr } = await run(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(why);
  expect(stderr).toContain("Usage: npm run domain -- check HOST");
  expect(stderr).not.toContain("secret");
});

it("shows its usage when asked", async () => {
  const { code, stdout } = await run(["--help"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Usage: npm run domain -- check HOST/);
});
