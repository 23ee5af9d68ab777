/** The MCP server of one request: stateless, so that any isolate answers any of them (https://modelcontextprotocol.io/specification). */
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import { CfWorkerJsonSchemaValidator } from "@modelcontextprotocol/sdk/validation/cfworker";
import { type ApiCall, type Tool, tools } from "./tools.ts";

/** Calls a route of the API as the caller of this request. */
export type CallApi = (path: string, init: RequestInit) => Promise<Response>;

/** An agent has to read it all. */
const MOST_CHARACTERS = 100_000;

export async function answerMcp(request: Request, callApi: CallApi): Promise<Response> {
  const server = new McpServer(
    { name: "millrace", version: "1.0.0" },
    // The default one compiles functions out of text, which workerd forbids.
    { jsonSchemaValidator: new CfWorkerJsonSchemaValidator() },
  );
  for (const one of tools) register(server, one, callApi);
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
  await server.connect(transport);
  return transport.handleRequest(request);
}

function register(server: McpServer, { name, title, description, writes, input, call }: Tool, callApi: CallApi): void {
  const annotations = { readOnlyHint: !writes, destructiveHint: false, openWorldHint: name === "test_integration" };
  server.registerTool(name, { title, description, inputSchema: input, annotations }, async (given: unknown) => {
    const { path, init } = requestOf(call(given as never));
    const response = await callApi(path, init);
    const text = await response.text();
    return {
      // A refusal is for the agent to read: its code and sentence say what to do.
      isError: !response.ok,
      content: [{ type: "text", text: cut(text) }],
    };
  });
}

function requestOf({ method, path, query = {}, body }: ApiCall): { path: string; init: RequestInit } {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const search = new URLSearchParams(given.map(([key, value]) => [key, String(value)])).toString();
  return {
    path: search ? `${path}?${search}` : path,
    init: { method, ...(method === "POST" && { body: JSON.stringify(body ?? {}) }) },
  };
}

function cut(text: string): string {
  if (text.length <= MOST_CHARACTERS) return text;
  return `${text.slice(0, MOST_CHARACTERS)}\n… ${text.length - MOST_CHARACTERS} more characters: ask for less.`;
}
