import { describe, expect, it } from "vitest";
import type { BotClass } from "../../../core/bots.ts";
import type { EventContext } from "../../../core/event.ts";
import type { RequestFacts } from "../../../core/queue-messages.ts";
import { anEnvironment, aSource } from "../../../test/an-environment.ts";
import { anEvent } from "../../../test/an-event.ts";
import { classifyBotStep } from "./classify-bot.ts";

const CHROME =
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

function run(context: EventContext, request: RequestFacts = {}, drop_bots: BotClass[] = []) {
  const environment = anEnvironment({ sources: [aSource({ id: "src_other" }), aSource({ drop_bots })] });
  const event = anEvent({ message_id: "m1", context });
  const verdict = classifyBotStep.run(event, { environment, source_id: "src_test", request, vendor_ids: {} });
  return { event, verdict };
}

describe("classify_bot", () => {
  it("marks a bot, and keeps it", () => {
    const { event, verdict } = run({ user_agent: "GPTBot/1.3" });
    expect(verdict).toEqual({
      verdict: "kept",
      event: { ...event, context: { user_agent: "GPTBot/1.3", bot: { class: "ai_crawler", name: "GPTBot" } } },
      changed: ["context.bot"],
    });
  });

  it.each<[string, EventContext, RequestFacts]>([
    ["a person's browser", { user_agent: CHROME }, { user_agent: CHROME, asn: 3_320 }],
    ["a server's, which names no browser", {}, {}],
    [
      "a backend's in a data centre, that names a person's browser",
      { user_agent: CHROME },
      { user_agent: "axios/1.7", asn: 16_509 },
    ],
  ])("leaves an event that is %s", (_, context, request) => {
    const { event, verdict } = run(context, request, ["other", "datacentre"]);
    expect(verdict).toEqual({ verdict: "kept", event, changed: [] });
  });

  it.each<[string, EventContext, RequestFacts, object]>([
    [
      "the network",
      { user_agent: CHROME },
      { user_agent: CHROME, asn: 16_509 },
      { class: "datacentre", name: "Amazon Web Services" },
    ],
    [
      "what Cloudflare verified",
      { user_agent: CHROME },
      { user_agent: CHROME, verified_bot_category: "AI Crawler" },
      { class: "ai_crawler", name: "AI Crawler" },
    ],
    ["a fetch ahead", { user_agent: CHROME }, { user_agent: CHROME, prefetch: true }, { class: "prefetch" }],
    ["a browser's request without a user agent", {}, { ip: "192.0.2.1" }, { class: "other" }],
  ])("knows a bot by %s", (_, context, request, bot) => {
    expect(run(context, request).verdict).toMatchObject({ verdict: "kept", event: { context: { bot } } });
  });

  it("drops the classes that the source does not want, and no others", () => {
    expect(run({ user_agent: "GPTBot/1.3" }, {}, ["search", "ai_crawler"]).verdict).toEqual({
      verdict: "dropped",
      reason: "bot",
      detail: "ai_crawler: GPTBot",
    });
    expect(run({}, { ip: "192.0.2.1" }, ["other"]).verdict).toMatchObject({ verdict: "dropped", detail: "other" });
    expect(run({ user_agent: "GPTBot/1.3" }, {}, ["search"]).verdict).toMatchObject({ verdict: "kept" });
  });

  it("never believes a client about what it is", () => {
    const claim = run({ user_agent: CHROME, bot: { class: "search" } }, {}, ["search"]).verdict;
    expect(claim).toMatchObject({ verdict: "kept", changed: ["context.bot"] });
    if (claim.verdict === "kept") expect(claim.event.context).toEqual({ user_agent: CHROME });
    const denial = run({ user_agent: "curl/8.5.0", bot: false }).verdict;
    expect(denial).toMatchObject({ event: { context: { bot: { class: "other", name: "curl" } } } });
  });
});
