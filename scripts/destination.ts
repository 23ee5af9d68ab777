/** `npm run destination -- new NAME [--title TITLE] [--purpose functional|analytics|marketing]`: a vendor's files, made from the template. */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { CannotMake, makeDestination } from "./destination/make.ts";

const USAGE = "npm run destination -- new NAME [--title TITLE] [--purpose functional|analytics|marketing]";

try {
  const { values, positionals } = parseArgs({
    options: { title: { type: "string" }, purpose: { type: "string", default: "analytics" } },
    allowPositionals: true,
  });
  const [command, name, ...more] = positionals;
  if (command !== "new" || name === undefined || more.length) throw new CannotMake(`Usage: ${USAGE}`);
  const root = resolve(import.meta.dirname, "..");
  const files = await makeDestination(root, { name, title: values.title, purpose: values.purpose });
  console.log(files.map((file) => `✓ ${file}`).join("\n"));
  console.log(`
It works as it is, against its own sink: npx vitest run --project workerd workers/delivery/destinations
Now make it the vendor's: docs/destinations.md says what goes where.`);
} catch (error) {
  // What parseArgs does not know is a TypeError with a code.
  if (!(error instanceof CannotMake || (error instanceof TypeError && "code" in error))) throw error;
  console.error(error.message);
  process.exit(2);
}
