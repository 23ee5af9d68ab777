/**
 * `npm run credentials -- new` prints a new key; `npm run credentials -- rotate` seals everything under the newest key.
 * The order of things is in docs/credentials.md.
 */
import { parseArgs } from "node:util";
import { rotateAll } from "./credentials/rotate.ts";

const USAGE = `npm run credentials -- new
  Prints a key: 32 bytes of chance, base64. It goes in front of the old one in CREDENTIALS_KEY, with a space between.

npm run credentials -- rotate [--url http://localhost:8787]
  Seals every credential under the first of the keys that the deployment at --url holds. ADMIN_TOKEN in the environment.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { url: { type: "string", default: "http://localhost:8787" }, help: { type: "boolean", default: false } },
});

async function main(): Promise<number> {
  const [command] = positionals;
  if (command === "new") {
    console.log(Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64"));
    return 0;
  }
  if (command !== "rotate" || values.help) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  const token = process.env.ADMIN_TOKEN;
  if (!token) {
    console.error("Put the admin token into ADMIN_TOKEN.");
    return 2;
  }
  const report = await rotateAll(values.url, token);
  console.log(report.text);
  return report.ok ? 0 : 1;
}

process.exitCode = await main();
