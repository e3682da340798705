// Any number of stock socket.io-client connections in one process, driven by lines.mjs.
//   connect    {name, url, namespace?, auth?, options?, timeout_ms?} → {sid} | the first connect_error
//   emit       {name, event, args, ack?, timeout_ms?}                → the ack, if asked for
//   auth       {name, auth}      credentials of the next (re)connection
//   disconnect {name}            says goodbye; `reconnect {name}` connects it again
//   kill       {name}            drops the connection without goodbye, as a lost network does
//   close      {name}            disconnects and forgets it
// Pushes every event of the server, and connect {sid, recovered}, connect_error {message, data}, disconnect {reason}
// and reconnect {attempt}.

import { io } from "socket.io-client";
import { CommandError, Named, push, serve } from "./lines.mjs";

const CONNECT_TIMEOUT_MS = 60_000;
const ACK_TIMEOUT_MS = 60_000;
const sockets = new Named("socket");

const outcome = (socket, timeoutMs) =>
  new Promise((resolve, reject) => {
    const settle = (finish) => (value) => {
      clearTimeout(timer);
      socket.off("connect", connected).off("connect_error", refused);
      finish(value);
    };
    const connected = settle(() => resolve({ sid: socket.id }));
    const refused = settle(({ message, data }) => reject(new CommandError(message, { code: "connect_error", data })));
    const late = settle(() => reject(new CommandError(`not connected after ${timeoutMs} ms`, { code: "timeout" })));
    const timer = setTimeout(late, timeoutMs);
    socket.on("connect", connected).on("connect_error", refused);
  });

const connect = ({ name, url, namespace = "/", auth, options = {}, timeout_ms = CONNECT_TIMEOUT_MS }) => {
  if (sockets.get(name)?.active) throw new CommandError(`${name} is connected already`);
  // A connection each: sharing one would tie the fates of clients that stand for different people.
  const socket = io(new URL(namespace, url).href, { ...options, auth, forceNew: true, autoConnect: false });
  sockets.set(name, socket);
  socket.on("connect", () => push(name, "connect", [{ sid: socket.id, recovered: socket.recovered }]));
  socket.on("connect_error", ({ message, data }) => push(name, "connect_error", [{ message, data }]));
  socket.on("disconnect", (reason) => push(name, "disconnect", [{ reason }]));
  socket.io.on("reconnect", (attempt) => push(name, "reconnect", [{ attempt }]));
  socket.onAny((event, ...args) => push(name, event, args));
  const result = outcome(socket, timeout_ms);
  socket.connect();
  return result;
};

const reconnect = ({ name, timeout_ms = CONNECT_TIMEOUT_MS }) => {
  const socket = sockets.require(name);
  const result = outcome(socket, timeout_ms);
  socket.connect();
  return result;
};

const emit = async ({ name, event, args = [], ack = false, timeout_ms = ACK_TIMEOUT_MS }) => {
  const socket = sockets.require(name);
  if (!ack) {
    socket.emit(event, ...args);
    return null;
  }
  try {
    return await socket.timeout(timeout_ms).emitWithAck(event, ...args);
  } catch {
    throw new CommandError(`no ack of ${event} within ${timeout_ms} ms`, { code: "timeout" });
  }
};

const kill = ({ name }) => {
  const { engine } = sockets.require(name).io;
  if (engine.readyState !== "open") throw new CommandError(`${name} has no open connection`);
  if (engine.transport.ws) {
    engine.transport.ws.terminate();
  } else {
    engine.transport.readyState = "closed"; // keeps a polling transport from posting its goodbye
    engine._onClose("transport error");
  }
};

const close = ({ name }) => {
  sockets.require(name).disconnect();
  sockets.delete(name);
};

const setAuth = ({ name, auth }) => {
  sockets.require(name).auth = auth;
};

const disconnect = ({ name }) => {
  sockets.require(name).disconnect();
};

serve({ connect, reconnect, emit, auth: setAuth, disconnect, kill, close }, () => {
  for (const socket of sockets.values()) socket.disconnect();
});
