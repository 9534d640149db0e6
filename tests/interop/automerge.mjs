// Opens an Automerge file with the JavaScript Automerge and prints, as JSON, all that it shows: the document, what
// conflicts in it, its heads and its changes. Knows nothing of CSU Link.
//
//   CSU_TEST_NODE_MODULES=.../node_modules node automerge.mjs FILE
//
// A text that merges is {"text": "..."}, a string {"line": "..."}; everything else is as it is in JSON.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const modules = process.env.CSU_TEST_NODE_MODULES;
if (!modules || process.argv.length !== 3) {
  console.error("usage: CSU_TEST_NODE_MODULES=FOLDER node automerge.mjs FILE");
  process.exit(2);
}
const Automerge = createRequire(join(modules, "from-here.cjs"))("@automerge/automerge");

function plain(value) {
  if (typeof value === "string") return { text: value };
  if (Automerge.isImmutableString(value)) return { line: value.toString() };
  if (Array.isArray(value)) return value.map(plain);
  if (value && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
  }
  // The largest whole number that JavaScript keeps exactly comes as a BigInt, all below it as numbers.
  if (typeof value === "bigint" && Number.isSafeInteger(Number(value))) return Number(value);
  if (typeof value === "number" || typeof value === "boolean" || value === null) return value;
  throw new Error(`the document holds a ${value?.constructor?.name ?? typeof value}`);
}

const hex = (bytes) => Buffer.from(bytes).toString("hex");

const document = Automerge.load(new Uint8Array(readFileSync(process.argv[2])));
const conflicts = {};
for (const key of ["kind", "marking", "state"]) {
  const values = Automerge.getConflicts(document, key);
  if (values) conflicts[key] = Object.values(values).map(plain);
}
const changes = Automerge.getAllChanges(document).map((bytes) => {
  const { hash, actor, seq, deps, time, message } = Automerge.decodeChange(bytes);
  return { bytes: hex(bytes), hash, actor, seq, deps, time, message };
});
// What JavaScript writes of it is the same document again.
const again = Automerge.load(Automerge.save(document));
if (JSON.stringify(plain(Automerge.toJS(again))) !== JSON.stringify(plain(Automerge.toJS(document)))) {
  throw new Error("saved and loaded again the document differs");
}
console.log(JSON.stringify({ document: plain(Automerge.toJS(document)), conflicts, heads: Automerge.getHeads(document), changes }));
