/** A new destination: the template's three files under its name, and a line in the two registries. All of it, or nothing. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

const TEMPLATE = join(import.meta.dirname, "template");
const PURPOSES = ["functional", "analytics", "marketing"];

/** A mistake of whoever asks. */
export class CannotMake extends Error {}

export interface NewDestination {
  /** Lower-case letters, digits and hyphens: the file's name and what integrations call it. */
  name: string;
  title?: string | undefined;
  purpose: string;
}

/** Writes below `root`, the project's folder. Resolves with the paths of what was made or changed. */
export async function makeDestination(root: string, { name, title, purpose }: NewDestination): Promise<string[]> {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name) || name.length > 40)
    throw new CannotMake(`${name}: a name is small letters, digits and hyphens, and begins with a letter`);
  if (!PURPOSES.includes(purpose)) throw new CannotMake(`${purpose}: a purpose is one of ${PURPOSES.join(", ")}`);
  const identifier = name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
  const words =
    title ?? name.replace(/(^|-)(\w)/g, (_, gap: string, letter: string) => `${gap && " "}${letter.toUpperCase()}`);
  if (!/^[^"\\\n`$]{1,80}$/.test(words)) throw new CannotMake("a title is a line of up to 80 letters without quotes");

  const destinations = "workers/delivery/destinations";
  const sinks = "test/vendor-sink";
  const of = async (file: string, rewrite: (text: string) => string) =>
    named(rewrite(await readFile(join(TEMPLATE, file), "utf8")));
  const named = (text: string) =>
    text
      .replaceAll('name: "acme"', `name: "${name}"`)
      .replaceAll("./acme.", `./${name}.`)
      .replaceAll("acme.example", `${name}.example`)
      .replace('title: "Acme"', `title: "${words}"`)
      .replace('purpose: "analytics"', `purpose: "${purpose}"`)
      .replaceAll("Acme has", `${words} has`)
      .replaceAll("acme", identifier === name ? name : identifier)
      .replaceAll("Acme", identifier[0]!.toUpperCase() + identifier.slice(1))
      .replaceAll(`${identifier}.example`, `${name}.example`)
      .replaceAll(`./${identifier}.`, `./${name}.`);
  const beside = (text: string) => text.replaceAll("../../../workers/delivery/destination.ts", "../destination.ts");
  const inSink = (text: string) => text.replaceAll("../../../test/vendor-sink/", "./");

  const written = new Map([
    [`${destinations}/${name}.ts`, await of("acme.ts", beside)],
    [`${destinations}/${name}.examples.ts`, await of("acme.examples.ts", beside)],
    [`${sinks}/${name}.ts`, await of("sink.ts", inSink)],
  ]);
  for (const file of written.keys()) if (existsSync(join(root, file))) throw new CannotMake(`${file} is there already`);
  const importLine = `import { ${identifier} } from "./${name}.ts";\n`;
  const key = identifier === name ? name : `"${name}": ${identifier}`;
  const registry = await readFile(join(root, destinations, "index.ts"), "utf8");
  written.set(
    `${destinations}/index.ts`,
    withEntry(registry, importLine, /(destinations: Record<string, Destination> = \{[^}]*?),?\s*\}/, `, ${key} }`),
  );
  const vendors = await readFile(join(root, sinks, "vendors.ts"), "utf8");
  const hosts = `[["api.${name}.example"], ${identifier}]`;
  written.set(
    `${sinks}/vendors.ts`,
    withEntry(vendors, importLine, /(const VENDORS: [^=]* = \[[^;]*?),?\s*\](?=;)/, `, ${hosts}]`),
  );

  for (const [file, text] of written) await writeFile(join(root, file), text);
  const files = [...written.keys()];
  // Sorts the imports and breaks the lines as the rest is.
  spawnSync(process.execPath, [join(root, "node_modules/@biomejs/biome/bin/biome"), "check", "--write", ...files], {
    cwd: root,
  });
  return files;
}

/** The text with another import before its others, and `entry` for the end of its list. */
function withEntry(text: string, importLine: string, list: RegExp, entry: string): string {
  const changed = text.replace(list, (_, before: string) => before + entry);
  if (changed === text) throw new CannotMake("a registry does not look as expected: its list was not found");
  return changed.replace(/^import /m, () => `${importLine}import `);
}
