import { describe, expect, it } from "vitest";
import { anEvent } from "../../test/an-event.ts";
import { channelOf, customChannel, defaultChannel } from "./channels.ts";
import { knownSource } from "./known-sources.ts";
import { campaignIn, clicksIn } from "./landing.ts";
import { trafficSourceOf } from "./traffic-source.ts";

/** A visit of which GA4 knows source, medium and campaign. */
function channel(source: string, medium: string, campaign?: string) {
  const kind = knownSource(source)?.kind;
  return defaultChannel({ source, medium, by: "utm", ...(campaign && { campaign }), ...(kind && { kind }) });
}

describe("GA4's rules", () => {
  it.each([
    ["(direct)", "(none)", undefined, "Direct"],
    ["(direct)", "(not set)", undefined, "Direct"],
    ["(direct)", "cpc", undefined, "Paid Other"],
    ["some-site.example", "referral", "spring-cross-network-2", "Cross-network"],
    ["google", "cpc", "Cross-Network", "Cross-network"],
    ["amazon", "ppc", undefined, "Paid Shopping"],
    ["alibaba.com", "paid", undefined, "Paid Shopping"],
    ["newsletter", "cpc", "summer shopping", "Paid Shopping"],
    ["newsletter", "cpc", "eshop", "Paid Shopping"],
    ["newsletter", "cpc", "shop now", "Paid Shopping"],
    ["newsletter", "cpc", "bookshop", "Paid Other"],
    ["newsletter", "cpc", "workshop", "Paid Other"],
    ["google", "cpc", undefined, "Paid Search"],
    ["Bing", "PPC", undefined, "Paid Search"],
    ["duckduckgo.com", "paid-search", undefined, "Paid Search"],
    ["google", "retargeting", undefined, "Paid Search"],
    ["google", "pre-retargeting", undefined, "Organic Search"],
    ["facebook", "cpc", undefined, "Paid Social"],
    ["t.co", "paid_social", undefined, "Paid Social"],
    ["youtube.com", "cpv", undefined, "Paid Video"],
    ["youtube.com", "cpm", undefined, "Paid Video"],
    ["vimeo.com", "paid", undefined, "Paid Video"],
    ["programmatic", "cpm", undefined, "Display"],
    ["programmatic", "Banner", undefined, "Display"],
    ["programmatic", "interstitial", undefined, "Display"],
    ["programmatic", "expandable", undefined, "Display"],
    ["programmatic", "display", undefined, "Display"],
    ["partner", "cpa", undefined, "Paid Other"],
    ["partner", "paid-placement", undefined, "Paid Other"],
    ["ebay", "referral", undefined, "Organic Shopping"],
    ["partner", "referral", "shopping-guide", "Organic Shopping"],
    ["linkedin.com", "referral", undefined, "Organic Social"],
    ["partner", "social-media", undefined, "Organic Social"],
    ["partner", "sm", undefined, "Organic Social"],
    ["partner", "social network", undefined, "Organic Social"],
    ["dailymotion", "referral", undefined, "Organic Video"],
    ["partner", "instream-video-ad", undefined, "Organic Video"],
    ["partner", "organic", undefined, "Organic Search"],
    ["ecosia.org", "referral", undefined, "Organic Search"],
    ["blog.example.org", "referral", undefined, "Referral"],
    ["partner", "app", undefined, "Referral"],
    ["partner", "link", undefined, "Referral"],
    ["newsletter", "email", undefined, "Email"],
    ["e-mail", "weekly", undefined, "Email"],
    ["e_mail", "weekly", undefined, "Email"],
    ["newsletter", "E Mail", undefined, "Email"],
    ["partner", "affiliate", undefined, "Affiliates"],
    ["partner", "affiliates", undefined, "Unassigned"],
    ["podcast", "audio", undefined, "Audio"],
    ["sms", "weekly", undefined, "SMS"],
    ["partner", "sms", undefined, "SMS"],
    ["partner", "webpush", undefined, "Mobile Push Notifications"],
    ["partner", "push-up", undefined, "Unassigned"],
    ["partner", "mobile_banner", undefined, "Mobile Push Notifications"],
    ["partner", "notification-7", undefined, "Mobile Push Notifications"],
    ["firebase", "unknown", undefined, "Mobile Push Notifications"],
    ["partner", "carrier-pigeon", undefined, "Unassigned"],
    ["(not set)", "(not set)", undefined, "Unassigned"],
  ])("%s / %s in campaign %s came by %s", (source, medium, campaign, expected) => {
    expect(channel(source, medium, campaign)).toBe(expected);
  });
});

const SHOP = "https://www.shop.example";
function page(url: string, referrer?: string) {
  const context = { page: { url: url.startsWith("/") ? SHOP + url : url, ...(referrer && { referrer }) } };
  const campaign = campaignIn(context.page);
  const click_ids = clicksIn(context);
  return anEvent({
    type: "page",
    context: { ...context, ...(campaign && { campaign }), ...(click_ids && { click_ids }) },
  });
}
function cameBy(url: string, referrer?: string) {
  const from = trafficSourceOf(page(url, referrer));
  return from && [from.source, from.medium, channelOf(from)];
}

describe("a visit", () => {
  it.each<[string, string, string | undefined, [string, string, string]]>([
    ["typed in", "/", undefined, ["(direct)", "(none)", "Direct"]],
    ["a search", "/", "https://www.google.co.uk/", ["google", "organic", "Organic Search"]],
    ["a search by DuckDuckGo", "/", "https://duckduckgo.com/", ["duckduckgo", "organic", "Organic Search"]],
    ["a search by Yahoo", "/", "https://uk.search.yahoo.com/", ["yahoo", "organic", "Organic Search"]],
    [
      "the search app of Android",
      "/",
      "android-app://com.google.android.googlequicksearchbox/",
      ["google", "organic", "Organic Search"],
    ],
    ["an ad beside a search", "/?gclid=Cj0&gad_source=1", "https://www.google.com/", ["google", "cpc", "Paid Search"]],
    ["an ad of a browser that tells no referrer", "/?size=7&gclid=Cj0", undefined, ["google", "cpc", "Paid Search"]],
    ["an app's ad after iOS 14", "/?gbraid=0AAA", undefined, ["google", "cpc", "Paid Search"]],
    [
      "Performance Max, tagged",
      "/?utm_source=google&utm_medium=pmax&gclid=1",
      undefined,
      ["google", "cpc", "Paid Search"],
    ],
    [
      "an ad of Bing's, tagged",
      "/?msclkid=98833c&utm_source=bing&utm_medium=cpc&utm_campaign=Outdoor",
      "https://uk.search.yahoo.com/",
      ["bing", "cpc", "Paid Search"],
    ],
    ["an ad of Bing's, not tagged", "/?msclkid=98833c", "https://www.bing.com/", ["bing", "cpc", "Paid Search"]],
    [
      "an ad on somebody's page",
      "/?gclid=EAI",
      "https://2bb5.safeframe.googlesyndication.com/",
      ["google", "display", "Display"],
    ],
    ["an ad on YouTube", "/?gclid=Cjw", "https://www.youtube.com/", ["youtube", "cpc", "Paid Video"]],
    ["a link below a video", "/", "https://www.youtube.com/", ["youtube", "referral", "Organic Video"]],
    [
      "an ad on Facebook, tagged",
      "/?utm_source=facebook&utm_medium=paid&fbclid=IwAR",
      "https://l.facebook.com/",
      ["facebook", "paid", "Paid Social"],
    ],
    [
      "a friend's link on Facebook",
      "/?fbclid=IwAR",
      "https://l.facebook.com/",
      ["facebook", "social", "Organic Social"],
    ],
    ["a friend's link in Facebook's app", "/?fbclid=IwAR", undefined, ["facebook", "social", "Organic Social"]],
    ["an ad on TikTok", "/?ttclid=E.C.P", undefined, ["tiktok", "cpc", "Paid Social"]],
    ["a post on X", "/", "https://t.co/abc", ["x", "referral", "Organic Social"]],
    ["LinkedIn's app", "/", "android-app://com.linkedin.android/", ["linkedin", "referral", "Organic Social"]],
    [
      "ChatGPT, which names itself",
      "/?utm_source=chatgpt.com",
      undefined,
      ["chatgpt.com", "ai-assistant", "AI Assistant"],
    ],
    ["ChatGPT's page", "/", "https://chatgpt.com/", ["chatgpt", "ai-assistant", "AI Assistant"]],
    [
      "Gemini, which is not Google's search",
      "/",
      "https://gemini.google.com/app",
      ["gemini", "ai-assistant", "AI Assistant"],
    ],
    ["Perplexity", "/", "https://www.perplexity.ai/search/x", ["perplexity", "ai-assistant", "AI Assistant"]],
    [
      "Google's documents, which are no search",
      "/",
      "https://docs.google.com/document/d/1",
      ["docs.google.com", "referral", "Referral"],
    ],
    ["web mail", "/", "https://mail.google.com/mail/u/0/", ["gmail", "email", "Email"]],
    [
      "a newsletter",
      "/?utm_source=news&utm_medium=email&utm_campaign=May",
      "https://mail.google.com/",
      ["news", "email", "Email"],
    ],
    ["somebody's blog", "/", "https://www.blog.example.org/post?x=1", ["blog.example.org", "referral", "Referral"]],
    ["a shop", "/", "https://www.ebay.co.uk/itm/1", ["ebay", "referral", "Organic Shopping"]],
    ["an affiliate network", "/?irclickid=x", undefined, ["impact", "affiliate", "Affiliates"]],
    ["tags in the fragment", "/#utm_source=news&utm_medium=sms", undefined, ["news", "sms", "SMS"]],
    ["tags without a source", "/?utm_medium=cpc", "https://www.bing.com/", ["bing", "cpc", "Paid Search"]],
    ["tags that say nothing", "/?utm_source=&utm_medium=", undefined, ["(direct)", "(none)", "Direct"]],
  ])("by %s", (_, url, referrer, expected) => {
    expect(cameBy(url, referrer)).toEqual(expected);
  });

  it("goes on within the site, and says nothing of where it came from", () => {
    expect(cameBy("/cart", `${SHOP}/`)).toBeUndefined();
    expect(cameBy("/cart", "https://checkout.shop.example/")).toBeUndefined();
    expect(trafficSourceOf(page("/", "https://shop.test/"), ["shop.test"])).toBeUndefined();
    expect(trafficSourceOf(anEvent())).toBeUndefined();
  });

  it("tells what was searched for, where the engine says it", () => {
    expect(trafficSourceOf(page("/", "https://yandex.ru/search?lr=2&text=red%20shoes"))).toMatchObject({
      source: "yandex",
      term: "red shoes",
      referrer_host: "yandex.ru",
    });
    expect(trafficSourceOf(page("/?utm_source=google&utm_medium=cpc&utm_term=boots"))).toMatchObject({ term: "boots" });
  });

  it.each([
    ["", "nothing"],
    ["not an address", "text"],
    ["https://", "a scheme alone"],
    ["javascript:alert(1)", "a script"],
    [`https://${"a".repeat(9_000)}`, "a host without end"],
    ["https://[::1]/", "an IPv6 address"],
  ])("survives the referrer %.20s: %s", (referrer) => {
    expect(() => trafficSourceOf(page("/", referrer))).not.toThrow();
  });
});

describe("a customer's own channels", () => {
  const own = [
    { name: "Influencers", campaign: "inf-*", medium: ["social", "paid-*"] },
    { name: "Partners", referrer_host: "*.partner.example" },
    { name: "Everything of May", campaign: "*may*2026*" },
  ].map((one) => customChannel.parse(one));

  it.each([
    ["/?utm_source=x&utm_medium=social&utm_campaign=INF-anna", undefined, "Influencers"],
    ["/?utm_source=x&utm_medium=paid-post&utm_campaign=inf-", undefined, "Influencers"],
    ["/?utm_source=anna&utm_medium=email&utm_campaign=inf-anna", undefined, "Email"],
    ["/", "https://www.partner.example/", "Partners"],
    ["/", "https://partner.example/", "Referral"],
    ["/?utm_source=x&utm_campaign=in-may-of-2026", undefined, "Everything of May"],
    ["/?utm_source=google&utm_campaign=may-2025", undefined, "Organic Search"],
  ])("%s from %s came by %s", (url, referrer, expected) => {
    expect(channelOf(trafficSourceOf(page(url, referrer))!, own)).toBe(expected);
  });

  it("cannot be made slow by a pattern", () => {
    const slow = [customChannel.parse({ name: "slow", campaign: `${"*a".repeat(90)}*b` })];
    const from = { source: "x", medium: "y", campaign: "a".repeat(256), by: "utm" as const };
    expect(channelOf(from, slow)).toBe("Unassigned");
  });
});
