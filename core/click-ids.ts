import { record, text } from "./values.ts";

/** What ad networks add to the address of the page that a click leads to. */
export const CLICK_IDS = [
  "gclid",
  "gbraid",
  "wbraid",
  "dclid",
  "fbclid",
  "ttclid",
  "msclkid",
  "twclid",
  "li_fat_id",
  "epik",
  "ScCid",
  "rdt_cid",
  "irclickid",
] as const;

/** Made when first needed: the browser script takes the names alone from here, and a bundler keeps what runs by itself. */
let inQueryPattern: RegExp | undefined;
function mayHoldClickId(query: string): boolean {
  inQueryPattern ??= new RegExp(`[?&](?:${CLICK_IDS.join("|")})=`);
  return inQueryPattern.test(query);
}

/** An event's click ids: as our script carries them through the visit (`context.click_ids`), else in the address of its page. */
export function clickIdsOf(context: unknown): Record<string, string> {
  const { click_ids, page } = record(context);
  const { search, url } = record(page);
  const query = text(search) ?? text(url);
  const carried = record(click_ids);
  const found: Record<string, string> = {};
  const inQuery = query !== undefined && mayHoldClickId(query) ? parametersOf(query) : undefined;
  if (!inQuery && !click_ids) return found;
  for (const name of CLICK_IDS) {
    const id = text(carried[name]) ?? text(inQuery?.get(name));
    if (id) found[name] = id;
  }
  return found;
}

function parametersOf(query: string): URLSearchParams {
  return new URLSearchParams(query.slice(query.indexOf("?") + 1).replace(/#.*$/s, ""));
}
