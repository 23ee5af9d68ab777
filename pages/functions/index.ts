export const onRequest: PagesFunction = ({ request }) => Response.redirect(new URL("/app/", request.url).href, 302);
