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
  const millrace = createMillrace(eventsUrl(tag?.src));
  window.millrace = millrace;

  if (Array.isArray(before)) {
    millrace.push(...before);
    before.push = millrace.push as typeof before.push; // whoever still holds the array
  }
  if (tag?.dataset.writeKey) {
    const { writeKey, host, autoPage, cookieless, hub, linked } = tag.dataset;
    millrace.init({
      writeKey,
      host,
      autoPage: autoPage !== "false",
      cookieless: (cookieless ?? "false") !== "false",
      hub,
      linked: linked?.split(/[\s,]+/),
    });
  }
}

/** Under a path of the customer's own choice, events are taken at `e` beside the script. */
function eventsUrl(script = ""): string | undefined {
  if (!/^https?:/.test(script)) return undefined; // written into the page, or from a file or a blob
  return new URL(new URL(script).pathname === "/millrace.js" ? "/v1/batch" : "e", script).href;
}
