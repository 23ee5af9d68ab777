/** The script of the tag: it puts `window.millrace` in place, starts it as the tag's attributes say, and plays back the calls made so far. */
import { type Call, createMillrace, type Millrace } from "./client.ts";

declare global {
  interface Window {
    /** Until the script has loaded, an array that the page pushes its calls to. */
    millrace?: Millrace | Call[];
  }
}

const before = window.millrace;
if (!(before as Millrace | undefined)?.version) {
  const tag = document.currentScript as HTMLScriptElement | null;
  const millrace = createMillrace(tag?.src ? new URL(tag.src).origin : undefined);
  window.millrace = millrace;

  if (tag?.dataset.writeKey) {
    const { writeKey, host, autoPage } = tag.dataset;
    millrace.init({ writeKey, host, autoPage: autoPage !== "false" });
  }
  if (Array.isArray(before)) {
    millrace.push(...before);
    before.push = millrace.push as typeof before.push; // whoever still holds the array
  }
}
