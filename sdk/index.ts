/** For a page that bundles its scripts and imports the SDK instead of loading it with a tag. */
import { createMillrace } from "./client.ts";

export type { Call, Fields, Millrace, Options } from "./client.ts";

export const millrace = createMillrace();
export const { init } = millrace;
