// Commands and replies of a client process: one JSON object a line.
//   in:  {id, op, ...}                   out: {id, ok: true, result} or {id, ok: false, error: {message, code?, data?}}
//   out, on its own account:                  {push: "event", name, event, args, at}, `at` in epoch seconds

import { createInterface } from "node:readline";

const write = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

/** A failure with a stable code, and data where the other side gave some. */
export class CommandError extends Error {
  constructor(message, { code, data } = {}) {
    super(message);
    Object.assign(this, { code, data });
  }
}

/** Reports that `name` saw `event`. */
export const push = (name, event, args = []) =>
  write({ push: "event", name, event, args, at: (performance.timeOrigin + performance.now()) / 1000 });

/** Runs `handlers[op](command)` for each line, commands side by side; ends with stdin, after `close()`. */
export const serve = (handlers, close = () => {}) => {
  const run = async ({ id, op, ...command }) => {
    try {
      if (!Object.hasOwn(handlers, op)) throw new CommandError(`unknown op: ${op}`);
      write({ id, ok: true, result: (await handlers[op](command)) ?? null });
    } catch (error) {
      write({ id, ok: false, error: { message: error.message, code: error.code, data: error.data } });
    }
  };
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => run(JSON.parse(line)));
  lines.on("close", async () => {
    await close();
    process.exit(0);
  });
};

/** Things kept by name, with a clear error for an unknown one. */
export class Named extends Map {
  constructor(kind) {
    super();
    this.kind = kind;
  }

  require(name) {
    if (!this.has(name)) throw new CommandError(`no ${this.kind} named ${name}`);
    return this.get(name);
  }
}
