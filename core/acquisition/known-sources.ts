/**
 * Sites that send visitors, by what they are: search engines, social networks, video, shopping, AI assistants, web mail.
 * A table of our own, of what is in use today; kinds follow GA4's source categories where Google publishes one (Stack Overflow and
 * GitHub are social there). Checked against Matomo's list of search engines, social networks and AI assistants, which is in the public
 * domain (CC0, https://github.com/matomo-org/searchengine-and-social-list).
 */

export const SOURCE_KINDS = ["search", "social", "video", "shopping", "ai", "email"] as const;
export type SourceKind = (typeof SOURCE_KINDS)[number];

export interface KnownSource {
  /** As reports show it: `google`, `facebook`, `chatgpt`. */
  name: string;
  kind: SourceKind;
  /** Parameters of a search engine's address that hold what was searched for. Most engines no longer send them. */
  terms?: string[];
}

/**
 * A line is a name, what else people call it in `utm_source` (after `|`), and its hosts. A host stands for all below it; `*` at its end
 * for any top-level domain, then only the host itself and `www`, `m`, `images` and the like below it: docs.google.com is no search.
 */
const TABLE: Record<SourceKind, string> = {
  search: `
    google|googlemybusiness|google-play|gmb google.* cse.google.com com.google.android.googlequicksearchbox
    bing bing.com cn.bing.com bingj.com
    yahoo search.yahoo.com search.yahoo.co.jp yahoo.co.jp yahoo.com
    duckduckgo|ddg duckduckgo.com
    yandex yandex.* ya.ru
    baidu baidu.com
    ecosia ecosia.org
    brave search.brave.com
    qwant qwant.com
    startpage startpage.com ixquick.com
    naver search.naver.com m.naver.com www.naver.com naver.com
    daum search.daum.net daum.net
    seznam search.seznam.cz seznam.cz
    sogou sogou.com
    360search|so so.com 360.cn
    coccoc coccoc.com
    kagi kagi.com
    mojeek mojeek.com
    swisscows swisscows.com
    presearch presearch.com
    ask ask.com
    aol search.aol.com aol.com
    lycos lycos.com
    dogpile dogpile.com
    metager metager.org metager.de
    searx searx.be
    mail.ru go.mail.ru
    rambler nova.rambler.ru rambler.ru
    t-online suche.t-online.de
    web.de suche.web.de
    gmx suche.gmx.net search.gmx.com
    orange lemoteur.orange.fr
    free search.free.fr
    virgilio ricerca.virgilio.it
    libero arianna.libero.it
    onet szukaj.onet.pl
    wp szukaj.wp.pl
    walla search.walla.co.il
    biglobe search.biglobe.ne.jp
    goo search.goo.ne.jp
    auone search.auone.jp
    exalead exalead.com
    eniro eniro.se
    avg search.avg.com
    avira search.avira.com
    babylon search.babylon.com
    comcast search.comcast.net
    conduit search.conduit.com
    yep yep.com`,
  social: `
    facebook|fb|meta facebook.com fb.com fb.me messenger.com m.me com.facebook.katana
    instagram|ig instagram.com com.instagram.android
    threads threads.net threads.com
    x|twitter twitter.com t.co x.com com.twitter.android
    linkedin linkedin.com lnkd.in com.linkedin.android
    pinterest pinterest.* pin.it com.pinterest
    reddit reddit.com redd.it com.reddit.frontpage
    tiktok tiktok.com
    snapchat snapchat.com
    bluesky|bsky bsky.app
    mastodon mastodon.social mastodon.online mstdn.social
    whatsapp|wa whatsapp.com wa.me
    telegram telegram.org telegram.me t.me org.telegram.messenger
    discord discord.com discord.gg
    quora quora.com
    tumblr tumblr.com
    medium medium.com
    hackernews|hn news.ycombinator.com
    lobsters lobste.rs
    stackoverflow stackoverflow.com
    stackexchange stackexchange.com askubuntu.com serverfault.com superuser.com
    github github.com
    vk vk.com vkontakte.ru
    odnoklassniki|ok ok.ru odnoklassniki.ru
    weibo weibo.com weibo.cn t.cn
    wechat weixin.qq.com
    qzone qzone.qq.com
    douban douban.com
    zhihu zhihu.com
    line line.me
    kakao kakao.com
    mixi mixi.jp
    hatena hatena.ne.jp
    ameblo ameblo.jp ameba.jp
    xing xing.com
    viadeo viadeo.com
    nextdoor nextdoor.com
    meetup meetup.com
    flipboard flipboard.com
    pocket getpocket.com
    digg digg.com
    slashdot slashdot.org
    livejournal livejournal.com
    blogger|blogspot blogger.com blogspot.*
    wordpress wordpress.com
    substack substack.com
    disqus disqus.com
    flickr flickr.com
    deviantart deviantart.com
    behance behance.net
    dribbble dribbble.com
    goodreads goodreads.com
    yelp yelp.com
    tripadvisor tripadvisor.com
    glassdoor glassdoor.com
    academia academia.edu
    researchgate researchgate.net
    fandom fandom.com
    wykop wykop.pl
    nk nk.pl
    taringa taringa.net
    skyrock skyrock.com
    myspace myspace.com
    hootsuite hootsuite.com ow.ly
    buffer buffer.com buff.ly
    linktree linktr.ee
    bitly bit.ly
    slack slack.com
    teams teams.microsoft.com
    googlegroups groups.google.com`,
  video: `
    youtube|yt youtube.com youtu.be com.google.android.youtube
    vimeo vimeo.com
    twitch twitch.tv
    dailymotion dailymotion.com
    bilibili bilibili.com
    rumble rumble.com
    netflix netflix.com
    hulu hulu.com
    disneyplus disneyplus.com
    iqiyi iqiyi.com iq.com
    youku youku.com
    niconico nicovideo.jp
    wistia wistia.com wistia.net
    ted ted.com
    odysee odysee.com`,
  shopping: `
    amazon amazon.* amazon-adsystem.com
    ebay ebay.*
    etsy etsy.com
    walmart walmart.com
    target target.com
    alibaba alibaba.com
    aliexpress aliexpress.com
    taobao taobao.com
    tmall tmall.com
    jd jd.com
    rakuten rakuten.com rakuten.co.jp
    mercadolibre mercadolibre.* mercadolivre.com.br
    allegro allegro.pl
    bol bol.com
    zalando zalando.*
    otto otto.de
    idealo idealo.*
    googleshopping|igshopping shopping.google.com
    shopify shopify.com shop.app
    stripe stripe.com
    shopzilla shopzilla.com
    pricerunner pricerunner.com
    kelkoo kelkoo.com
    temu temu.com
    shein shein.com
    wish wish.com
    flipkart flipkart.com
    coupang coupang.com
    navershopping shopping.naver.com
    yahooshopping shopping.yahoo.com shopping.yahoo.co.jp`,
  ai: `
    chatgpt|openai chatgpt.com chat.openai.com labs.openai.com
    claude|anthropic claude.ai
    gemini|bard gemini.google.com bard.google.com com.google.android.apps.bard
    notebooklm notebooklm.google.com
    copilot copilot.microsoft.com copilot.com copilot.cloud.microsoft
    perplexity perplexity.ai ai.perplexity.app.android
    mistral|lechat chat.mistral.ai
    deepseek chat.deepseek.com
    grok grok.com
    meta-ai meta.ai
    you you.com
    poe poe.com
    phind phind.com
    qwen chat.qwen.ai
    kimi kimi.com kimi.moonshot.cn
    doubao doubao.com
    chatglm chatglm.cn
    yiyan yiyan.baidu.com
    iask iask.ai
    andi andisearch.com
    consensus consensus.app
    duck-ai duck.ai
    pi pi.ai
    character character.ai
    jasper app.jasper.ai`,
  email: `
    gmail mail.google.com com.google.android.gm
    outlook outlook.live.com outlook.office.com outlook.office365.com
    yahoo-mail mail.yahoo.com mail.yahoo.co.jp
    aol-mail mail.aol.com
    proton mail.proton.me
    icloud-mail icloud.com
    gmx-mail navigator.gmx.net
    yandex-mail mail.yandex.ru
    mail.ru-mail e.mail.ru
    seznam-mail email.seznam.cz
    naver-mail mail.naver.com
    fastmail app.fastmail.com
    zoho mail.zoho.com`,
};

const TERMS: Record<string, string[]> = {
  yahoo: ["p"],
  yandex: ["text"],
  baidu: ["wd", "word"],
  naver: ["query"],
  sogou: ["query"],
  startpage: ["query"],
  coccoc: ["query"],
  aol: ["q", "query"],
};
const USUAL_TERMS = ["q"];

/** Below a host with any top-level domain. */
const SAME_SITE = new Set(["", "www", "m", "l", "lm", "images", "image", "encrypted", "ipv4", "ipv6", "search", "r"]);

const byName = new Map<string, KnownSource>();
const byHost = new Map<string, KnownSource>();
/** The label before the top-level domain. */
const byLabel = new Map<string, KnownSource>();

for (const kind of SOURCE_KINDS) {
  for (const line of TABLE[kind].trim().split("\n")) {
    const [names, ...hosts] = line.trim().split(" ") as [string, ...string[]];
    const [name, ...aliases] = names.split("|") as [string, ...string[]];
    const source: KnownSource = { name, kind, ...(kind === "search" && { terms: TERMS[name] ?? USUAL_TERMS }) };
    for (const one of [name, ...aliases]) byName.set(one, source);
    for (const host of hosts) {
      if (host.endsWith(".*")) byLabel.set(host.slice(0, -2), source);
      else byHost.set(host, source);
    }
  }
}

/** What a host is, its name in small letters: `l.facebook.com`, `www.google.co.uk`. Undefined where we do not know it. */
export function knownHost(host: string): KnownSource | undefined {
  for (let rest = host; rest; ) {
    const found = byHost.get(rest);
    if (found) return found;
    const dot = rest.indexOf(".");
    rest = dot < 0 ? "" : rest.slice(dot + 1);
  }
  const labels = host.split(".");
  // A top-level domain is one label, or two of which the first is short: com.br, co.uk.
  for (const length of [1, 2]) {
    const at = labels.length - length - 1;
    if (at < 0 || (length === 2 && labels[at + 1]!.length > 3)) continue;
    const found = byLabel.get(labels[at]!);
    if (!found) continue;
    // Blogs and country sites of some have names of their own below: they are still those.
    if (found.kind !== "search" || SAME_SITE.has(labels.slice(0, at).join("."))) return found;
  }
  return undefined;
}

/** What a `utm_source` names: one of our names or aliases, or a host. In any capitals. */
export function knownSource(source: string): KnownSource | undefined {
  const name = source.trim().toLowerCase();
  return byName.get(name) ?? (name.includes(".") ? knownHost(name) : undefined);
}
