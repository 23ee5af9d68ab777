/** Workers under workerd itself: requests go straight to its socket, since the proxy of `wrangler dev` costs ten times a Worker. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";

const ROOT = resolve(import.meta.dirname, "..");

export interface BenchWorker {
  url: URL;
  miniflare: Miniflare;
  /** CPU time that this Worker's process has used so far. Milliseconds, user and system. */
  cpuMs(): number;
  stop(): Promise<void>;
}

/** Bundles `entry` (from the project's root) and runs it with the given Miniflare bindings. */
export async function startWorker(
  name: string,
  entry: string,
  bindings: Record<string, unknown>,
): Promise<BenchWorker> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-bench-"));
  const script = join(folder, "worker.js");
  await build({
    entryPoints: [join(ROOT, entry)],
    outfile: script,
    bundle: true,
    format: "esm",
    target: "es2024",
    minify: true,
    conditions: ["workerd", "worker", "browser"],
    external: ["node:*", "cloudflare:*"],
    logLevel: "error",
  });
  const before = new Set(workerdProcesses());
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      cf: false,
      workers: [
        {
          name,
          modules: true,
          modulesRoot: folder,
          scriptPath: script,
          compatibilityDate: "2026-10-01",
          compatibilityFlags: ["nodejs_compat"],
          unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
          ...bindings,
        },
      ],
    } as Parameters<typeof convertV4MiniflareOptions>[0]),
  );
  await miniflare.ready;
  const pids = workerdProcesses().filter((pid) => !before.has(pid));
  return {
    url: await miniflare.unsafeGetDirectURL(name),
    miniflare,
    cpuMs: () => pids.reduce((sum, pid) => sum + cpuMsOf(pid), 0),
    stop: async () => {
      await miniflare.dispose();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What a number was measured on. */
export function machine(): { node: string; workerd: string; cpu: string; cores: number; platform: string } {
  const { version } = JSON.parse(readFileSync(join(ROOT, "node_modules/workerd/package.json"), "utf8")) as {
    version: string;
  };
  return {
    node: process.version,
    workerd: version,
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    platform: process.platform,
  };
}

function workerdProcesses(): number[] {
  if (process.platform === "linux") {
    return readdirSync("/proc")
      .filter((entry) => /^\d+$/.test(entry))
      .map(Number)
      .filter((pid) => statOf(pid)?.name === "workerd" && statOf(pid)?.parent === process.pid);
  }
  return execFileSync("ps", ["-A", "-o", "pid=,ppid=,comm="], { encoding: "utf8" })
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, parent, name]) => Number(parent) === process.pid && name?.endsWith("workerd"))
    .map(([pid]) => Number(pid));
}

function cpuMsOf(pid: number): number {
  if (process.platform === "linux") return statOf(pid)?.cpuMs ?? 0;
  const time = execFileSync("ps", ["-o", "cputime=", "-p", String(pid)], { encoding: "utf8" }).trim();
  return time.split(":").reduce((sum, part) => sum * 60 + Number(part), 0) * 1_000;
}

/** Linux counts a process's CPU in ticks of 10 ms. */
function statOf(pid: number): { name: string; parent: number; cpuMs: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const end = stat.lastIndexOf(")");
    const fields = stat.slice(end + 2).split(" ");
    return {
      name: stat.slice(stat.indexOf("(") + 1, end),
      parent: Number(fields[1]),
      cpuMs: (Number(fields[11]) + Number(fields[12])) * 10,
    };
  } catch {
    return undefined;
  }
}
