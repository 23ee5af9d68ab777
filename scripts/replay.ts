/** `npm run replay`: sends the page views of a web server's access log to Millrace, each at the time it happened. */
import { parseArgs } from "node:util";
import { Ledger } from "./replay/ledger.ts";
import { type LogFile, openLog } from "./replay/log-file.ts";
import { Progress } from "./replay/progress.ts";
import { type Ending, replay } from "./replay/run.ts";
import { Ingest } from "./replay/send.ts";
import { guessSite } from "./replay/site.ts";
import { type Done, ReplayState, replayKey, statePath } from "./replay/state.ts";
import { counted, formatSummary, number, summarise } from "./replay/summary.ts";

const DEFAULT_HOST = "http://localhost:8787";
const DEFAULT_SITE = "https://replayed.example";
/** npm passes on a Ctrl-C that the terminal has delivered already; only a later one is meant. */
const SECOND_INTERRUPT_MS = 1_000;

const EXIT_CODES = { complete: 0, failed: 1, interrupted: 130 } as const satisfies Record<Ending["kind"], number>;

const USAGE = `Usage: npm run replay -- FILE --write-key KEY [options]

Sends the page views of an Apache or nginx access log to Millrace, each at the time it happened.
FILE is in combined or common format, plain or gzip. A run that was stopped goes on where it was.

  --write-key KEY  the write key of the source to send to
  --host URL       where Millrace answers (default ${DEFAULT_HOST})
  --site URL       the site that the log is of; its paths are put after it (default ${DEFAULT_SITE})
  --all            every GET, not only page views: assets, feeds, redirects and errors too
  --restart        from the first line, even if an earlier run came further
  --json           the summary as one JSON object
  --help           this text
`;

interface Options {
  file: string;
  writeKey: string;
  host: string;
  site: string | undefined;
  all: boolean;
  restart: boolean;
  json: boolean;
}

type Command = { kind: "help" } | { kind: "wrong"; why: string } | { kind: "replay"; options: Options };

function readCommand(args: string[]): Command {
  const parsed = parseCommand(args);
  if ("why" in parsed) return { kind: "wrong", why: parsed.why };
  const { values, positionals } = parsed;
  if (values.help) return { kind: "help" };
  const [file, ...more] = positionals;
  if (!file) return { kind: "wrong", why: "Which log? FILE is missing." };
  if (more.length > 0) return { kind: "wrong", why: "One log at a time, please." };
  if (!values["write-key"]) return { kind: "wrong", why: "--write-key is missing." };
  const host = webAddress(values.host);
  if (!host) return { kind: "wrong", why: `--host ${values.host} is not a web address.` };
  const site = values.site === undefined ? undefined : webAddress(values.site);
  if (site === null) return { kind: "wrong", why: `--site ${values.site} is not a web address.` };
  return {
    kind: "replay",
    options: {
      file,
      writeKey: values["write-key"],
      host: host.origin + host.pathname.replace(/\/+$/, ""),
      site: site?.origin,
      all: values.all,
      restart: values.restart,
      json: values.json,
    },
  };
}

function parseCommand(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        "write-key": { type: "string" },
        host: { type: "string", default: DEFAULT_HOST },
        site: { type: "string" },
        all: { type: "boolean", default: false },
        restart: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    return { why: `${(error as Error).message}.` };
  }
}

function webAddress(text: string): URL | null {
  const url = URL.parse(text);
  return url && /^https?:$/.test(url.protocol) ? url : null;
}

async function run(options: Options, log: LogFile): Promise<number> {
  const { file, writeKey, host, all } = options;
  const site = options.site ?? DEFAULT_SITE;
  const key = replayKey(log, { host, writeKey, site, all });
  const state = new ReplayState(statePath(file, key), key);
  say(`Replaying ${file} to ${host}`);
  if (!options.site) sayGuessedSite(log);
  const resumed = options.restart ? undefined : resume(state);

  const ledger = new Ledger();
  const progress = new Progress({ ledger, size: log.size, resumed });
  const ingest = new Ingest({ host, writeKey, onRetry: (notice) => progress.note(notice) });
  const stop = onInterrupt(() => progress.note("Stopping after the requests in flight; Ctrl-C again quits at once."));
  const ending = await replay({ log, rules: { site, all }, ingest, state, resumed, stop, ledger });
  progress.end();

  const { seconds } = progress;
  const complete = ending.kind === "complete";
  const summary = summarise(ledger, { file, host, complete, seconds, requests: ingest.requests, resumed });
  if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else if (ending.kind !== "failed" || summary.lines_read > 0) process.stdout.write(`\n${formatSummary(summary)}\n`);
  sayHowToGoOn(ending, ledger, Math.max(ledger.done.lines, resumed?.lines ?? 0), options.restart);
  return EXIT_CODES[ending.kind];
}

function resume(state: ReplayState): Done | undefined {
  const loaded = state.load();
  switch (loaded.kind) {
    case "none":
      return undefined;
    case "other":
      say(`Starting at line 1: ${state.path} is about another log, host, key, --site or --all.`);
      return undefined;
    case "same": {
      const { lines, sent } = loaded.done;
      say(`Resuming at line ${number(lines + 1)}: ${counted(sent, "event")} of the lines before it were sent already.`);
      return loaded.done;
    }
  }
}

function sayGuessedSite(log: LogFile): void {
  const guess = guessSite(log.sample);
  if (!guess) return;
  say(`Its pages are sent as ${DEFAULT_SITE}/…, but its referrers suggest --site ${guess}.`);
}

/** `lines` are done and remembered; the rest is still to be sent. */
function sayHowToGoOn(ending: Ending, { ahead }: Ledger, lines: number, restart: boolean): void {
  if (ending.kind === "complete") return;
  say(ending.kind === "failed" ? `\n${ending.why}` : "\nStopped.");
  const again = `run the same command again${restart ? " without --restart" : ""}`;
  say(
    lines > 0 ? `To go on from line ${number(lines + 1)}, ${again}.` : `No line is done yet: ${again} to start over.`,
  );
  if (ahead > 0) say(`${counted(ahead, "later event")} arrived too; sent again, Millrace counts them once.`);
}

function onInterrupt(first: () => void): AbortSignal {
  const stop = new AbortController();
  let at: number | undefined;
  process.on("SIGINT", () => {
    if (at !== undefined && performance.now() - at > SECOND_INTERRUPT_MS) process.exit(130);
    if (at !== undefined) return;
    at = performance.now();
    first();
    stop.abort();
  });
  return stop.signal;
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function unreadable(file: string, error: NodeJS.ErrnoException): string {
  return error.code === "ENOENT" ? `There is no file ${file}.` : `${file} cannot be read: ${error.message}.`;
}

async function main(args: string[]): Promise<number> {
  const command = readCommand(args);
  switch (command.kind) {
    case "help":
      process.stdout.write(USAGE);
      return 0;
    case "wrong":
      say(`${command.why}\n\n${USAGE}`);
      return 2;
    case "replay": {
      const log = await openLog(command.options.file).catch((error: Error) => error);
      if (log instanceof Error) {
        say(`${unreadable(command.options.file, log)}\n\n${USAGE}`);
        return 2;
      }
      return run(command.options, log);
    }
  }
}

process.exitCode = await main(process.argv.slice(2));
