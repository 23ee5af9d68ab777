import { classifyBot } from "../../../core/bots.ts";
import { drop, keep, type Step } from "../step.ts";

/**
 * Marks what no person did: `context.bot`, whatever the client wrote there. Goes no further where the source says so, and
 * before the shard is asked, so that a dropped bot is neither a visitor nor a session.
 */
export const classifyBotStep: Step = {
  name: "classify_bot",
  run(event, { environment, source_id, request }) {
    const { bot: claimed, ...context } = event.context;
    const { user_agent } = context;
    // A backend that tells whose browser it speaks for is in a data centre itself; that browser is not.
    const isOwn = user_agent === request.user_agent;
    const isBrowser = Object.keys(request).length > 0;
    const bot = classifyBot({
      ...(isOwn && request),
      user_agent: user_agent ?? (isBrowser ? "" : undefined),
    });
    if (!bot) return claimed === undefined ? keep(event) : keep({ ...event, context }, ["context.bot"]);
    const source = environment.sources.find(({ id }) => id === source_id);
    if (source?.drop_bots.includes(bot.class)) return drop("bot", [bot.class, bot.name].filter(Boolean).join(": "));
    return keep({ ...event, context: { ...context, bot } }, ["context.bot"]);
  },
};
