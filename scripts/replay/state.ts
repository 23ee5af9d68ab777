/** How far a replay came, in a small file of its own, so that a second run goes on where the first stopped. */
import { createHash } from "node:crypto";
import { accessSync, constants, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { LogFile } from "./log-file.ts";

/** Raise it when the rules of what is a page view change: an older count would not add up with the new one. */
const VERSION = 1;

/** Everything that makes two runs the same replay. */
export interface ReplayKey {
  size: number;
  head_sha256: string;
  host: string;
  write_key_sha256: string;
  site: string;
  all: boolean;
}

/** The outcome of lines 1 to `lines`, none of which needs to be sent again. */
export interface Done {
  lines: number;
  sent: number;
  /** Events by the code they were refused with. */
  refused: Record<string, number>;
}

export type Loaded = { kind: "none" } | { kind: "other" } | { kind: "same"; done: Done };

/** The write key itself goes nowhere: of it only a hash is kept. */
export function replayKey(
  log: Pick<LogFile, "size" | "head_sha256">,
  run: { host: string; writeKey: string; site: string; all: boolean },
): ReplayKey {
  const { host, writeKey, site, all } = run;
  return {
    size: log.size,
    head_sha256: log.head_sha256,
    host,
    write_key_sha256: sha256(`millrace replay\n${writeKey}`),
    site,
    all,
  };
}

/** Beside the log; where that cannot be written, in STATE_DIR, or else in this project's `.wrangler` folder. */
export function statePath(logPath: string, key: ReplayKey, stateDir = process.env.STATE_DIR): string {
  if (isWritable(dirname(resolve(logPath)))) return `${resolve(logPath)}.replay.json`;
  const folder = stateDir ? resolve(stateDir) : join(import.meta.dirname, "../../.wrangler");
  return join(folder, `replay-${sha256(JSON.stringify(key)).slice(0, 16)}.json`);
}

export class ReplayState {
  readonly path: string;
  readonly #key: ReplayKey;

  constructor(path: string, key: ReplayKey) {
    this.path = path;
    this.#key = key;
  }

  load(): Loaded {
    let saved: { version?: unknown; replay?: unknown; done?: Done };
    try {
      saved = JSON.parse(readFileSync(this.path, "utf8"));
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === "ENOENT" ? { kind: "none" } : { kind: "other" };
    }
    const same = saved?.version === VERSION && JSON.stringify(saved.replay) === JSON.stringify(this.#key);
    return same && saved.done ? { kind: "same", done: saved.done } : { kind: "other" };
  }

  /** Replaces the file in one step, so that a crash leaves the old or the new one, never half of it. */
  save(done: Done): void {
    mkdirSync(dirname(this.path), { recursive: true });
    const draft = `${this.path}.${process.pid}.tmp`;
    writeFileSync(draft, `${JSON.stringify({ version: VERSION, replay: this.#key, done }, undefined, 2)}\n`);
    renameSync(draft, this.path);
  }

  remove(): void {
    rmSync(this.path, { force: true });
  }
}

/** The mode is asked too, because root may write to folders that are marked read-only on purpose. */
function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return (statSync(folder).mode & 0o222) !== 0;
  } catch {
    return false;
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
