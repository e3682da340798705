// Chat messages between stock socket.io-clients in one process, so that both ends have one clock.
//   stdin:  {pairs: [{kind, user: {url, token, uid, name}, expert: {…}}], warmUp, samples, rounds, roundMs, window}
//   stdout: {alone: {kind: {message: [ms], ack: [ms]}}, crowd: {kind: [{perSecond, message: [ms]}]}}

import { io } from "socket.io-client";

const TIMEOUT_MS = 20_000;
const TEXT = "x".repeat(64);

const within = (promise, what) => {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

const call = async (socket, event, payload) => {
  const ack = await within(socket.emitWithAck(event, payload), event);
  if (ack?.error) throw new Error(`${event}: ${ack.error.code} ${ack.error.message}`);
  return ack;
};

const connect = async ({ url, token, uid, name }, userType) => {
  const socket = io(url, { auth: { token }, transports: ["websocket"], forceNew: true });
  await within(new Promise((resolve) => socket.on("connect", resolve)), `${name} connects`);
  await call(socket, "register", { userId: uid, userType, name });
  return socket;
};

/** A running session; `send` answers when the other side has the message and this side the acknowledgement. */
class Chat {
  constructor(pair, user, chatId) {
    Object.assign(this, { kind: pair.kind, user, chatId, uid: pair.user.uid, sent: 0, waiting: new Map() });
  }

  static async start(pair) {
    const expert = await connect(pair.expert, "expert");
    const user = await connect(pair.user, "user");
    const started = within(new Promise((resolve) => expert.once("chat-started", resolve)), "chat-started");
    const request = { userId: pair.user.uid, userName: pair.user.name, expertId: pair.expert.uid };
    const { chatId } = await call(user, "request-chat", request);
    await started;
    const chat = new Chat(pair, user, chatId);
    expert.on("new-message", ({ message }) => chat.waiting.get(message)?.(performance.now()));
    return chat;
  }

  async send() {
    const message = `${this.sent++} ${TEXT}`;
    const arrived = within(new Promise((resolve) => this.waiting.set(message, resolve)), "new-message");
    const began = performance.now();
    const acknowledged = call(this.user, "chat-message", { chatId: this.chatId, message, senderId: this.uid });
    const [ack, at] = await Promise.all([acknowledged.then(() => performance.now()), arrived]);
    this.waiting.delete(message);
    return { message: at - began, ack: ack - began };
  }
}

/** One message at a time, by turns in the first chat of each kind. */
const alone = async (kinds, { warmUp, samples }) => {
  const times = Object.fromEntries([...kinds.keys()].map((kind) => [kind, { message: [], ack: [] }]));
  for (let number = -warmUp; number < samples; number++) {
    for (const [kind, [chat]] of kinds) {
      const { message, ack } = await chat.send();
      if (number < 0) continue;
      times[kind].message.push(message);
      times[kind].ack.push(ack);
    }
  }
  return times;
};

/** All chats of one kind at once, each with `window` messages on their way; the kinds by turns. */
const crowd = async (kinds, { rounds, roundMs, window }) => {
  const results = Object.fromEntries([...kinds.keys()].map((kind) => [kind, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [kind, chats] of kinds) {
      const began = performance.now();
      const message = [];
      const keepSending = async (chat) => {
        while (performance.now() - began < roundMs) message.push((await chat.send()).message);
      };
      await Promise.all(chats.flatMap((chat) => Array.from({ length: window }, () => keepSending(chat))));
      results[kind].push({ perSecond: (message.length * 1000) / (performance.now() - began), message });
    }
  }
  return results;
};

let text = "";
for await (const chunk of process.stdin) text += chunk;
const config = JSON.parse(text);
const kinds = new Map();
for (const pair of config.pairs) {
  kinds.set(pair.kind, [...(kinds.get(pair.kind) ?? []), await Chat.start(pair)]);
}
const result = { alone: await alone(kinds, config), crowd: await crowd(kinds, config) };
process.stdout.write(JSON.stringify(result), () => process.exit(0));
