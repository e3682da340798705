// A typed client: openapi-fetch over the generated paths, socket.io-client over the generated events. It chats with an
// expert for a paid minute. Run by the tests, with API_URL, TOKEN (a Firebase ID token) and EXPERT_ID.
import createClient from "openapi-fetch";
import { io, type Socket } from "socket.io-client";
import type { components, paths } from "./generated/api.js";
import type { ClientToServerEvents, ServerToClientEvents } from "./generated/events.js";

type Session = components["schemas"]["Session"];

const { API_URL = "", TOKEN = "", EXPERT_ID = "" } = process.env;
const api = createClient<paths>({ baseUrl: API_URL, headers: { Authorization: `Bearer ${TOKEN}` } });

const { data: wallet, error } = await api.GET("/api/wallet");
if (!wallet) throw new Error(`${error.error.code}: ${error.error.message}`);
console.log(JSON.stringify({ balance: wallet.balance }));

const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io(API_URL, { auth: { token: TOKEN } });
await new Promise<void>((resolve, reject) => {
  socket.on("connect", resolve);
  socket.on("connect_error", reject);
});
const charged = new Promise<number>((resolve) => socket.on("billing-update", (update) => resolve(update.totalCharged)));
const asked = await socket.emitWithAck("request-chat", { expertId: EXPERT_ID });
if ("error" in asked) throw new Error(`${asked.error.code}: ${asked.error.message}`);
if (!asked.chatId) throw new Error(`waiting, at place ${asked.position}`);
const chatId = asked.chatId;
const sent = await socket.emitWithAck("chat-message", { chatId, message: "How do I begin?" });
if ("error" in sent) throw new Error(sent.error.code);
console.log(JSON.stringify({ charged: await charged }));
await socket.emitWithAck("end-chat", { chatId });
const path = { sessionId: chatId };
const { data: session } = await api.GET("/api/sessions/{sessionId}", { params: { path } });
const status: Session["status"] | undefined = session?.status;
console.log(JSON.stringify({ status, endReason: session?.endReason }));
socket.close();

// What the types refuse: `npx tsc` fails if one of these were accepted.
// @ts-expect-error a path that is not there
type _Unknown = paths["/api/walet"];
// @ts-expect-error a body without its amount
const _deposit: components["schemas"]["DepositRequest"] = {};
// @ts-expect-error an event that is not there
const _event: keyof ServerToClientEvents = "billing-updates";
