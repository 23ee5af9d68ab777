/** As workers/api/dashboard.ts: one page, whatever its address below /app. */
export const onRequest: PagesFunction<{ ASSETS: Fetcher }> = async ({ request, env }) => {
  const asked = await env.ASSETS.fetch(request);
  return asked.status === 404 ? env.ASSETS.fetch(new URL("/app/", request.url)) : asked;
};
