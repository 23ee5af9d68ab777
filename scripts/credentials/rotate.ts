import * as z from "zod";

const rotated = z.object({
  key_id: z.string(),
  checked: z.number(),
  resealed: z.number(),
  unreadable: z.array(z.string()),
  next: z.string().optional(),
});

/** Asks a deployment to seal its credentials anew, page by page. `ok` where no key is needed any more but the newest. Never throws. */
export async function rotateAll(url: string, adminToken: string): Promise<{ ok: boolean; text: string }> {
  let checked = 0;
  let resealed = 0;
  const unreadable: string[] = [];
  let after: string | undefined;
  let key = "";
  try {
    do {
      const response = await fetch(new URL("/api/v1/credentials/rotate", url), {
        method: "POST",
        headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json" },
        body: JSON.stringify(after === undefined ? {} : { after }),
      });
      if (!response.ok) return { ok: false, text: `HTTP ${response.status}: ${(await response.text()).slice(0, 300)}` };
      const page = rotated.parse(await response.json());
      checked += page.checked;
      resealed += page.resealed;
      unreadable.push(...page.unreadable);
      key = page.key_id;
      after = page.next;
    } while (after !== undefined);
  } catch (error) {
    return { ok: false, text: `${url} does not answer as expected: ${error instanceof Error ? error.message : error}` };
  }
  const lines = [`Key ${key} seals the credentials of ${checked} integrations; ${resealed} were sealed anew.`];
  if (unreadable.length) lines.push(`None of the keys opens: ${unreadable.join(", ")}. Give their settings anew.`);
  else
    lines.push("In ten minutes no Worker needs an older key any more: then leave only the first in CREDENTIALS_KEY.");
  return { ok: unreadable.length === 0, text: lines.join("\n") };
}
