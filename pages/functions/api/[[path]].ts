/**
 * Where the dashboard is deployed to Cloudflare Pages (`npm run deploy:pages`), its /api is this: the Worker's, by a service binding, so that
 * cookies stay on one host. The dashboard's project binds `API` to the Worker (pages/wrangler.toml).
 */
export const onRequest: PagesFunction<{ API: Fetcher }> = ({ request, env }) => env.API.fetch(request);
