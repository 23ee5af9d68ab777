/**
 * `npm run demo`: one visit to a shop, from a real browser to three vendors, shown event by event. Stays up afterwards.
 * `-- --once --json` does the same, prints one JSON summary and exits 0 only if all that was accepted was delivered.
 */
import { parseArgs } from "node:util";
import { serveShop } from "../demo/serve-shop.ts";
import { walkThrough } from "../demo/walk-through.ts";
import { Witness } from "../demo/witness.ts";
import { launchBrowser } from "../test/browser.ts";
import { LiveRecord } from "./demo/live-record.ts";
import { story } from "./demo/story.ts";
import { failures, summarise } from "./demo/summary.ts";
import { startStack } from "./stack.ts";

const { values: options } = parseArgs({
  options: {
    once: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h" },
  },
});
if (options.help) {
  console.log(
    "npm run demo [-- --once] [--json]\n\n  --once   stop when the visit has been delivered\n  --json   print one JSON summary instead of the story\n\nPORT (8787), SHOP_PORT (8788) and STATE_DIR (.wrangler) choose where.",
  );
  process.exit(0);
}

/** What was started, to be ended in the opposite order. */
const started: (() => Promise<unknown>)[] = [];
const progress = (text: string) => process.stderr.write(`· ${text}\n`);
let stopping: Promise<void> | undefined;

function stop(): Promise<void> {
  stopping ??= (async () => {
    for (const close of started.reverse()) await close().catch(() => {});
  })();
  return stopping;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, async () => {
    progress("stopping everything that the demo started");
    await stop();
    process.exit(130);
  });
}

try {
  process.exitCode = await demo();
} catch (error) {
  if (!stopping) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
} finally {
  await stop();
}
process.exit();

async function demo(): Promise<number> {
  const stack = await startStack({
    port: Number(process.env.PORT ?? 8787),
    stateDir: process.env.STATE_DIR ?? ".wrangler",
    onProgress: progress,
  });
  started.push(stack.close);
  const witness = await Witness.before(stack.url);
  started.push(witness.close);
  const shop = await serveShop({
    port: Number(process.env.SHOP_PORT ?? 8788),
    millraceHost: witness.url,
    writeKey: stack.write_key,
  });
  started.push(shop.close);
  const record = await LiveRecord.open(stack, witness);
  started.push(record.close);

  progress("opening the shop in a headless browser");
  const browser = await launchBrowser();
  started.push(() => browser.close());
  const page = await browser.newPage();
  await walkThrough(page, shop.url, (step) => progress(`the visitor: ${step}`));
  await browser.close();

  progress("waiting until every vendor has answered");
  await record.untilSettled(30_000);
  const summary = summarise(record);
  // GA4 answers 204 to anything, so what its validation server would have said counts as well.
  const complaints = stack.sink.requests("ga4").flatMap(({ validation }) => validation ?? []);
  const problems = [
    ...failures(summary),
    ...complaints.map((complaint) => `GA4 would not count this: ${JSON.stringify(complaint)}`),
  ];

  if (options.json) console.log(JSON.stringify(summary));
  else console.log(story(record, summary));
  for (const problem of problems) console.error(`✗ ${problem}`);
  if (options.once || stopping) return problems.length ? 1 : 0;

  console.log(`
Still running; Ctrl-C stops everything.

  ${shop.url}/   the shop: walk through it yourself
  ${stack.url}/#${stack.admin_token}   live: every event as it passes
  ${stack.sink.url}/requests?integration=meta   what a vendor received (ga4, meta, webhook)
  write key ${stack.write_key}
`);
  await stack.ended;
  return 1;
}
