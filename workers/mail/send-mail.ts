/**
 * One mail, by the first way that the deployment has: Cloudflare's `send_email` binding, Resend, a relay over HTTP. Without any (on a
 * developer's machine) it lies in the lake under `mail/`, and its text is logged.
 */
import type { ApiEnv } from "../env.ts";

export interface Mail {
  to: string;
  subject: string;
  text: string;
}

const RESEND_URL = "https://api.resend.com/emails"; // https://resend.com/docs/api-reference/emails/send-email
const TIMEOUT_MS = 10_000;

export type MailEnv = Pick<
  ApiEnv,
  "EMAIL" | "MAIL_FROM" | "RESEND_API_KEY" | "MAIL_RELAY_URL" | "MAIL_RELAY_TOKEN" | "VENDOR_SINK_URL" | "LAKE"
>;

/** Throws where the service refuses it: the caller's answer must not say that a mail is on its way. */
export async function sendMail(env: MailEnv, mail: Mail): Promise<void> {
  const { EMAIL, MAIL_FROM, RESEND_API_KEY, MAIL_RELAY_URL, MAIL_RELAY_TOKEN } = env;
  const to = oneLine(mail.to);
  const subject = oneLine(mail.subject);
  const message = { from: MAIL_FROM ?? "", to, subject, text: mail.text };
  if (EMAIL && MAIL_FROM) await EMAIL.send(message);
  else if (RESEND_API_KEY && MAIL_FROM) await post(RESEND_URL, RESEND_API_KEY, { ...message, to: [to] });
  else if (MAIL_RELAY_URL && MAIL_FROM) await post(MAIL_RELAY_URL, MAIL_RELAY_TOKEN, message);
  else await keepMail(env, { to, subject, text: mail.text });
}

async function post(url: string, token: string | undefined, body: object): Promise<void> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`The mail service answered ${response.status}`);
}

/** Links in mail sign people in: only a development stack may log them. */
async function keepMail({ LAKE, VENDOR_SINK_URL }: MailEnv, mail: Mail): Promise<void> {
  const key = `mail/${new Date().toISOString()}-${crypto.randomUUID()}.json`;
  await LAKE.put(key, JSON.stringify(mail));
  console.log(JSON.stringify({ level: "info", message: "mail", key, ...(VENDOR_SINK_URL && { mail }) }));
}

/** A line break would begin another header. */
const oneLine = (text: string) => text.replace(/[\r\n]+/g, " ");
