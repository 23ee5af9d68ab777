import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../..");

/** What `npm run dev` says when it is ready. */
export interface Ready {
  url: string;
  write_key: string;
  server_key: string;
  admin_token: string;
  /** Of the seeded organisation. */
  owner: { email: string; password: string };
  sink: string;
}

/** `npm run dev` as a person starts it, on a free port and in a folder of its own; everything else goes over HTTP. */
export async function devStack(): Promise<Ready & { stop(): Promise<void>; stateDir: string }> {
  const stateDir = await mkdtemp(join(tmpdir(), "millrace-journey-"));
  const child = runScript("scripts/dev.ts", [], { PORT: "0", STATE_DIR: stateDir });
  const ready = await new Promise<Ready>((found, fail) => {
    let said = "";
    child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      const line = said.split("\n").find((l) => l.startsWith("ready ") && l.endsWith("}"));
      if (line) found(JSON.parse(line.slice("ready ".length)));
    });
    child.stderr!.on("data", (text) => (said += text));
    child.once("exit", (code) => fail(new Error(`npm run dev ended with code ${code}:\n${said}`)));
  });
  return {
    ...ready,
    stateDir,
    stop: async () => {
      const ended = new Promise((done) => child.once("exit", done));
      child.kill("SIGINT");
      await ended;
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}

export function runScript(script: string, args: string[], env: Record<string, string> = {}): ChildProcess {
  return spawn(process.execPath, [join(ROOT, script), ...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Everything a script printed, once it has ended. */
export async function outputOf(child: ChildProcess): Promise<{ code: number | null; stdout: string; stderr: string }> {
  let stdout = "";
  let stderr = "";
  child.stdout!.on("data", (text) => (stdout += text));
  child.stderr!.on("data", (text) => (stderr += text));
  const code = await new Promise<number | null>((done) => child.once("exit", done));
  return { code, stdout, stderr };
}

/** Asks until the answer satisfies, for at most `timeoutMs`; the last answer then fails the test with its own content. */
export async function eventually<T>(
  ask: () => Promise<T>,
  satisfied: (answer: T) => boolean,
  timeoutMs = 30_000,
): Promise<T> {
  const until = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (satisfied(answer)) return answer;
    if (Date.now() > until)
      throw new Error(`still not so after ${timeoutMs} ms: ${JSON.stringify(answer).slice(0, 2_000)}`);
    await new Promise((wait) => setTimeout(wait, 200));
  }
}
