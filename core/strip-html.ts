/** Text without the tags of HTML. */
import { Parser } from "htmlparser2";

/** Their content is nothing that anybody reads. */
const UNREAD = new Set(["script", "style", "noscript", "template", "iframe", "object", "svg"]);
/** These part words that tags would otherwise join: "one<br>two". */
const PARTING = new Set("p br div li tr td th h1 h2 h3 h4 h5 h6 ul ol table section article hr".split(" "));
/** What is left after a tag was taken out of a tag may be a tag. */
const MOST_ROUNDS = 8;

/** Entities (`&lt;`) are left as they are: decoded they could be tags again. Without tags the same text; twice is as good as once. */
export function stripHtml(text: string): string {
  let before = text;
  for (let round = 0; round < MOST_ROUNDS && before.includes("<"); round++) {
    const after = once(before);
    if (after === before) return after;
    before = after;
  }
  // Nested on purpose, then: nobody means that text.
  return before.includes("<") && once(before) !== before ? before.replaceAll("<", "") : before;
}

function once(text: string): string {
  let read = "";
  let unread = 0;
  const part = () => {
    if (read !== "" && !read.endsWith(" ")) read += " ";
  };
  const parser = new Parser(
    {
      onopentag(name) {
        if (UNREAD.has(name)) unread++;
        else if (PARTING.has(name)) part();
      },
      ontext(found) {
        if (unread === 0) read += found;
      },
      onclosetag(name) {
        if (UNREAD.has(name)) unread = Math.max(0, unread - 1);
        else if (PARTING.has(name)) part();
      },
    },
    { decodeEntities: false },
  );
  parser.write(text);
  parser.end();
  return read;
}
