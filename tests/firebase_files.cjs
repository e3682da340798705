// What firebase-tools itself makes of firebase.json, functions/functions.yaml and firestore.indexes.json: one JSON object
// on stdout. Anything that a deployment would refuse ends it with an error. argv: the project's root.

const { readFileSync } = require("node:fs");
const { join } = require("node:path");

const root = process.argv[2];
const tools = (path) => require(join(root, "node_modules/firebase-tools/lib", path));
const { Config } = tools("config.js");
const { getValidator, getErrorMessage } = tools("firebaseConfigValidate.js");
const { normalizeAndValidate } = tools("functions/projectConfig.js");
const { hostingConfig } = tools("hosting/config.js");
const { detectFromYaml } = tools("deploy/functions/runtimes/discovery/index.js");
const build = tools("deploy/functions/build.js");
const backend = tools("deploy/functions/backend.js");
const validate = tools("deploy/functions/validate.js");
const { FirestoreApi } = tools("firestore/api.js");

const main = async () => {
  const config = Config.load({ cwd: root });
  const valid = getValidator();
  if (!valid(config.src)) throw new Error(valid.errors.map(getErrorMessage).join("\n"));

  const [functions] = normalizeAndValidate(config.src.functions);
  const found = await detectFromYaml(join(root, functions.source), "demo-konnect", functions.runtime);
  const deployed = build.toBackend(found, {});
  validate.endpointsAreValid(deployed);
  validate.functionIdsAreValid(backend.allEndpoints(deployed));

  const [hosting] = hostingConfig({ config, project: "demo-konnect", site: "demo-konnect" });

  const firestore = new FirestoreApi();
  const indexes = firestore.upgradeOldSpec(JSON.parse(readFileSync(config.path(config.src.firestore.indexes), "utf8")));
  firestore.validateSpec(indexes);

  console.log(
    JSON.stringify({
      runtime: functions.runtime,
      endpoints: backend.allEndpoints(deployed),
      rewrites: hosting.rewrites,
      indexes: indexes.indexes.length,
    }),
  );
};

main().catch((error) => {
  console.error([error.message, ...(error.children ?? []).map((child) => child.message)].join("\n"));
  process.exit(1);
});
