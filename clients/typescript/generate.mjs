// Writes the types of the API (api.ts) and of the Socket.IO events (events.ts) from the documents that the functions
// serve. `make ts-client OUT=folder`.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import openapiTS, { astToString } from "openapi-typescript";

const DOCUMENTS = new URL("../../functions/konnect/http/", import.meta.url);
const HEADER = "// Generated from Konnect's API documents by `make ts-client`. Don't edit.\n";
const folder = process.argv[2] ?? "clients/typescript/generated";

async function document(name) {
  return JSON.parse(await readFile(new URL(name, DOCUMENTS), "utf8"));
}

/** The type of a message's payload: a schema's by its name, or a union of them. */
function payloadType({ payload }) {
  const options = payload.oneOf ?? [payload];
  return options.map(({ $ref }) => ($ref ? `schemas["${$ref.split("/").at(-1)}"]` : "null")).join(" | ");
}

/** An event's listener as socket.io types it; what is acknowledged may be sent without asking for the answer. */
function signature(asyncapi, operation) {
  const find = ({ $ref }) => {
    const channelId = $ref.split("/")[2];
    return asyncapi.components.messages[asyncapi.channels[channelId].messages[$ref.split("/").at(-1)].$ref.split("/").at(-1)];
  };
  const message = find(operation.messages[0]);
  const type = payloadType(message);
  const parameters = type === "null" ? [] : [`data: ${type}`];
  if (operation.reply) parameters.push(`ack?: (answer: ${payloadType(find(operation.reply.messages[0]))}) => void`);
  const about = operation.summary ? `  /** ${operation.summary} */\n` : "";
  return `${about}  "${message.name}": (${parameters.join(", ")}) => void;\n`;
}

/** One interface a namespace and direction, as `Socket<ServerToClientEvents, ClientToServerEvents>` takes them. */
function interfaces(asyncapi) {
  const bodies = {};
  for (const operation of Object.values(asyncapi.operations)) {
    const channelId = operation.channel.$ref.split("/").at(-1);
    const prefix = channelId === "root" ? "" : channelId.replace(/(^|_)(\w)/g, (_, __, letter) => letter.toUpperCase());
    // AsyncAPI is written from the server's side: it receives what clients send.
    const name = prefix + (operation.action === "receive" ? "ClientToServerEvents" : "ServerToClientEvents");
    bodies[name] = (bodies[name] ?? "") + signature(asyncapi, operation);
  }
  return Object.entries(bodies).map(([name, body]) => `export interface ${name} {\n${body}}\n`).join("\n");
}

const options = { alphabetize: false, defaultNonNullable: false };
const openapi = await document("openapi.json");
const asyncapi = await document("asyncapi.json");
const events = { openapi: "3.1.0", info: asyncapi.info, paths: {}, components: { schemas: asyncapi.components.schemas } };
await mkdir(folder, { recursive: true });
await writeFile(join(folder, "api.ts"), HEADER + astToString(await openapiTS(openapi, options)));
await writeFile(
  join(folder, "events.ts"),
  `${HEADER}${astToString(await openapiTS(events, options))}\ntype schemas = components["schemas"];\n\n${interfaces(asyncapi)}`,
);
console.log(`wrote ${join(folder, "api.ts")} and events.ts`);
