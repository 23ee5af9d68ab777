/** Somebody with an account, signed in through the API as a browser does. */
import { env } from "cloudflare:workers";
import { api } from "../workers/api/index.ts";

export const ORIGIN = "https://data.example.com";
export const PASSWORD = "correct horse 7";

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at what they expect.
  body: any;
  headers: Headers;
}

let people = 0;

/** Each of its own address, as tries are counted by address. */
export class Browser {
  readonly address = `198.51.100.${++people % 256}:${people}`;
  cookie = "";
  bindings: object = env;

  async ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await api.request(
      `${ORIGIN}${path}`,
      {
        method,
        headers: {
          "cf-connecting-ip": this.address,
          origin: ORIGIN,
          ...(this.cookie && { cookie: this.cookie }),
          ...(body !== undefined && { "content-type": "application/json" }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      },
      this.bindings,
    );
    for (const set of response.headers.getSetCookie()) this.#keep(set);
    const text = await response.text();
    let parsed: unknown = text;
    try {
      parsed = JSON.parse(text);
    } catch {}
    return { status: response.status, body: parsed, headers: response.headers };
  }

  #keep(set: string): void {
    const pair = set.split(";")[0]!;
    const name = pair.slice(0, pair.indexOf("=") + 1);
    const others = this.cookie.split("; ").filter((one) => one !== "" && !one.startsWith(name));
    this.cookie = [...others, ...(/max-age=0/i.test(set) ? [] : [pair])].join("; ");
  }
}

export async function signedUp(email: string, name = "Ann"): Promise<Browser> {
  const browser = new Browser();
  await browser.ask("POST", "/api/auth/sign-up/email", { email, password: PASSWORD, name });
  const signedIn = await browser.ask("POST", "/api/auth/sign-in/email", { email, password: PASSWORD });
  if (signedIn.status !== 200) throw new Error(`${email}: ${JSON.stringify(signedIn.body)}`);
  return browser;
}

export interface Owner {
  browser: Browser;
  organisation_id: string;
  environment_id: string;
}

export async function anOwner(email: string): Promise<Owner> {
  const browser = await signedUp(email);
  const { body } = await browser.ask("POST", "/api/v1/organisations", { name: `Shop of ${email}` });
  return { browser, organisation_id: body.id, environment_id: body.environments[0].id };
}

/** The newest mail to somebody. */
export async function mailTo(email: string): Promise<{ subject: string; text: string } | undefined> {
  const { objects } = await env.LAKE.list({ prefix: "mail/" });
  for (const { key } of objects.toReversed()) {
    const mail = await (await env.LAKE.get(key))!.json<{ to: string; subject: string; text: string }>();
    if (mail.to === email) return mail;
  }
  return undefined;
}

/** The path and query of a mail's link. */
export const linkIn = (mail: { text: string }) => {
  const url = new URL(/https:\S+/.exec(mail.text)![0]);
  return url.pathname + url.search;
};
