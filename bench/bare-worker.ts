/** The floor that ingest is compared with: read the body, parse it, put it into the queue, answer. Nothing else. */
export default {
  async fetch(request, env): Promise<Response> {
    const body = JSON.parse(await request.text());
    await env.RAW_EVENTS.send(body);
    return new Response('{"success":true}', { headers: { "content-type": "application/json" } });
  },
} satisfies ExportedHandler<{ RAW_EVENTS: Queue }>;
