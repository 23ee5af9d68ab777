/** `npm run docs`: writes those pages of docs/ that are made from code. */
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { eventMap } from "./docs/event-map.ts";

await writeFile(resolve(import.meta.dirname, "../docs/event-map.md"), eventMap());
