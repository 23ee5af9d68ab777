/** The command as a person runs it: a process with arguments, output and an exit code. */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { aLog } from "./a-log-line.ts";
import { type FakeIngest, startFakeIngest } from "./fake-ingest.ts";

const REPO = join(import.meta.dirname, "../..");
const KEY = "wk_secret_1";

let folder: string;
let file: string;
let server: FakeIngest | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "replay-cli-"));
  file = join(folder, "access.log");
  writeFileSync(file, aLog(1_000));
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  chmodSync(folder, 0o755);
  rmSync(folder, { recursive: true });
});

interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

function start(args: string[], env: Record<string, string> = {}): { child: ChildProcess; finished: Promise<Finished> } {
  const node = join(REPO, "node_modules/.bin/node");
  const child = spawn(node, [join(REPO, "scripts/replay.ts"), ...args], { env: { ...process.env, ...env } });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  return { child, finished: new Promise((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr }))) };
}

it("prints a table for people", async () => {
  server = await startFakeIngest();
  const { code, stdout, stderr } = await start([file, "--write-key", KEY, "--host", server.host]).finished;
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /Lines read +1,100\n {2}Sent +1,000\n {2}Refused +0\n {2}Skipped +100\n {4}asset or download +100\n/,
  );
  expect(stdout).toMatch(/Log covers {2}2015-05-17 10:05:03 to 2015-05-17 10:05:03 UTC/);
  expect(stderr).toContain(`Replaying ${file} to ${server.host}`);
});

it("prints one JSON object for programs", async () => {
  server = await startFakeIngest();
  const args = [file, "--write-key", KEY, "--host", `${server.host}/`, "--site", "https://shop.example/x", "--json"];
  const { stdout } = await start(args).finished;
  expect(JSON.parse(stdout)).toMatchObject({ complete: true, lines_read: 1_100, sent: 1_000, host: server.host });
  expect(server.events[0]?.properties.url).toMatch(/^https:\/\/shop\.example\/page\/\d+$/);
});

it("stops at Ctrl-C after the batches in flight, and goes on from there", async () => {
  let interrupt = () => {};
  server = await startFakeIngest(async (_, before) => {
    if (before === 4) interrupt();
    await new Promise((resolve) => setTimeout(resolve, 100));
    return undefined;
  });
  const args = [file, "--write-key", KEY, "--host", server.host];
  const first = start(args);
  interrupt = () => first.child.kill("SIGINT");
  const { code, stdout, stderr } = await first.finished;
  expect(code).toBe(130);
  expect(stdout).toMatch(/Stopped after .* s: \d+ requests/);
  const done = JSON.parse(readFileSync(`${file}.replay.json`, "utf8")).done;
  expect(done.sent).toBe(server.events.length);
  const next = (done.lines + 1).toLocaleString("en-US");
  expect(stderr).toContain(`To go on from line ${next}, run the same command again.`);

  const second = await start(args).finished;
  expect(second.code).toBe(0);
  expect(second.stderr).toContain(`Resuming at line ${next}`);
  expect(second.stdout).toMatch(/Lines read +1,100\n {2}Sent +1,000\n/);
  expect(server.events).toHaveLength(1_000);
  expect(new Set(server.events.map((e) => e.message_id)).size).toBe(1_000);
  expect(existsSync(`${file}.replay.json`)).toBe(false);
});

it("starts over with --restart, under the same ids", async () => {
  let accepts = 4;
  server = await startFakeIngest(() => (accepts-- > 0 ? undefined : { status: 401 }));
  const args = [file, "--write-key", KEY, "--host", server.host];
  const refused = await start(args).finished;
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("The write key was refused");
  accepts = 100;
  const { code, stdout } = await start([...args, "--restart"]).finished;
  expect(code).toBe(0);
  expect(stdout).not.toContain("resumed");
  expect(server.events.length).toBe(1_400);
  expect(new Set(server.events.map((e) => e.message_id)).size).toBe(1_000);
});

it("keeps its progress in STATE_DIR when the log's folder is read-only, and the key in neither", async () => {
  let accepts = 4;
  server = await startFakeIngest(() => (accepts-- > 0 ? undefined : { status: 401 }));
  const stateDir = mkdtempSync(join(tmpdir(), "replay-elsewhere-"));
  chmodSync(folder, 0o555);
  const { stdout, stderr } = await start([file, "--write-key", KEY, "--host", server.host], { STATE_DIR: stateDir })
    .finished;
  const [state, ...more] = readdirSync(stateDir);
  expect(more).toEqual([]);
  expect(readdirSync(folder)).toEqual(["access.log"]);
  const saved = readFileSync(join(stateDir, state!), "utf8");
  rmSync(stateDir, { recursive: true });
  for (const text of [saved, stdout, stderr]) expect(text).not.toContain(KEY);
});

it.each([
  ["no file is named", ["--write-key", KEY], "FILE is missing"],
  ["no key is given", ["access.log"], "--write-key is missing"],
  ["two files are named", ["a.log", "b.log", "--write-key", KEY], "One log at a time"],
  ["the file is not there", ["/no/such.log", "--write-key", KEY], "There is no file /no/such.log."],
  ["the file is a folder", ["/", "--write-key", KEY], "/ cannot be read: it is not a file."],
  [
    "the host is no address",
    ["a.log", "--write-key", KEY, "--host", "localhost"],
    "--host localhost is not a web address",
  ],
  ["an option is unknown", ["a.log", "--wat"], "Unknown option '--wat'"],
])("shows its usage when %s", async (_, args, why) => {
  const { code, stdout, stderr } = await start(args).finished;
  expect(code).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toContain(why);
  expect(stderr).toContain("Usage: npm run replay");
});

it("shows its usage when asked", async () => {
  const { code, stdout } = await start(["--help"]).finished;
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Usage: npm run replay -- FILE --write-key KEY/);
});
