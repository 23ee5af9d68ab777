/** Requests that mean harm, or come of a broken client, and how the door refuses each: the table of `hostile-requests.test.ts`. */
import type { Hostile } from "./hostile-requests/asking.ts";
import { bodies } from "./hostile-requests/bodies.ts";
import { batches, envelope, events } from "./hostile-requests/events.ts";
import { bulkImports, identityHub } from "./hostile-requests/hub-and-imports.ts";
import { signatures, writeKeys } from "./hostile-requests/keys.ts";
import { otherApis } from "./hostile-requests/other-apis.ts";
import { places } from "./hostile-requests/pages.ts";
import { methods, paths } from "./hostile-requests/paths.ts";
import { queries } from "./hostile-requests/queries.ts";

export const HOSTILE: Hostile[] = [
  ...envelope,
  ...events,
  ...batches,
  ...bodies,
  ...writeKeys,
  ...signatures,
  ...places,
  ...methods,
  ...paths,
  ...queries,
  ...otherApis,
  ...identityHub,
  ...bulkImports,
];
