// Loaded into the Auth emulator's process before firebase-tools.
//
// The emulator builds a request validator for each parameter of its fixed API description, and each one first compiles
// JSON Schema's own schema to check that description: most of its start (5 of 9 s) and of its memory. Requests are
// validated as before; only the check of the description that firebase-tools ships is left out.
const { createRequire } = require("node:module");

try {
  const tools = createRequire(require.resolve("firebase-tools"));
  const Ajv = createRequire(tools.resolve("exegesis"))("ajv").default;
  Ajv.prototype.validateSchema = () => true;
} catch {
  // Another version of firebase-tools may have no such dependency: then it starts as it does by itself.
}
