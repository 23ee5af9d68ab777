/** `npm run domain -- check HOST`: whether Millrace can be reached at a host, and what browsers make of its cookies there. */
import { Resolver } from "node:dns/promises";
import { parseArgs } from "node:util";
import { check, type Wanted } from "./domain/check.ts";
import { formatReport } from "./domain/format-report.ts";
import { type NamedHost, readHost } from "./domain/host-name.ts";

const DNS_TIMEOUT_MS = 2_000;
const DNS_TRIES = 2;
const WIDEST = 110;

const USAGE = `Usage: npm run domain -- check HOST [options]

Asks the DNS and the host itself whether Millrace can be reached there, and says what browsers will make of its
cookies. Nothing is written, there or here. HOST is data.example.com, or, where only a path of a host is
Millrace's, the address of its script: www.example.com/q7/shop.js

  --site HOST      the host of the pages that will send (default: www. of the same domain)
  --write-key KEY  a public key that should be known there
  --dns IP[:PORT]  the DNS server to ask (default: this machine's)
  --json           the report as one JSON object
  --help           this text

Exits with 0 if it works, 1 if it does not, 2 if the command was wrong. docs/custom-domain.md tells how to set it up.
`;

interface Options extends Wanted {
  resolver: Resolver;
  json: boolean;
}

type Command = { kind: "help" } | { kind: "wrong"; why: string } | { kind: "check"; options: Options };

function readCommand(args: string[]): Command {
  const wrong = (why: string): Command => ({ kind: "wrong", why });
  const parsed = parseCommand(args);
  if ("why" in parsed) return wrong(parsed.why);
  const { values, positionals } = parsed;
  if (values.help) return { kind: "help" };
  const [verb, text, ...more] = positionals;
  if (verb !== "check")
    return wrong(verb ? `There is no command ${verb}, only check.` : "What to do? check is missing.");
  if (text === undefined) return wrong("Which host? HOST is missing.");
  if (more.length > 0) return wrong("One host at a time, please.");

  const host = readHost(text);
  if (!host.ok) return wrong(host.why);
  const site = values.site === undefined ? undefined : readHost(values.site);
  if (site && !site.ok) return wrong(`--site: ${site.why}`);
  const writeKey = values["write-key"]?.trim();
  if (writeKey === "") return wrong("--write-key is empty.");
  // It would travel in an address, and addresses are logged.
  if (writeKey && /^[sa][ks]_/.test(writeKey))
    return wrong("--write-key takes the public key of a web page, wk_…: that one is a server's.");
  const resolver = resolverOf(values.dns);
  if (!resolver) return wrong(`--dns ${values.dns} is not an IP address, with or without a port.`);
  return { kind: "check", options: { host, site, writeKey, resolver, json: values.json } };
}

function parseCommand(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        site: { type: "string" },
        "write-key": { type: "string" },
        dns: { type: "string" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    return { why: `${(error as Error).message}.` };
  }
}

function resolverOf(server: string | undefined): Resolver | undefined {
  const resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: DNS_TRIES });
  if (server === undefined) return resolver;
  try {
    resolver.setServers([server]);
    return resolver;
  } catch {
    return undefined;
  }
}

async function run({ resolver, json, ...wanted }: Options): Promise<number> {
  if (!json) sayWhatWasRead(wanted.host);
  const report = await check(resolver, wanted);
  if (json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else {
    const { isTTY, columns } = process.stdout;
    const colour = isTTY === true && !process.env.NO_COLOR;
    process.stdout.write(formatReport(report, { colour, width: Math.min(columns || WIDEST, WIDEST) }));
  }
  return report.works ? 0 : 1;
}

function sayWhatWasRead({ host, script, cleaned }: NamedHost): void {
  if (cleaned) process.stderr.write(`Checking ${host}${script ?? ""}: the rest of what you gave is not needed.\n\n`);
}

async function main(args: string[]): Promise<number> {
  const command = readCommand(args);
  switch (command.kind) {
    case "help":
      process.stdout.write(USAGE);
      return 0;
    case "wrong":
      process.stderr.write(`${command.why}\n\n${USAGE}`);
      return 2;
    case "check":
      return run(command.options);
  }
}

process.exitCode = await main(process.argv.slice(2));
