// Easel's own lint rules: allowed imports, where a vendor may be named, and which bodies may be read whole.
// Plain JavaScript, so that an editor's oxlint loads it with any Node.
import { readdirSync } from "node:fs";
import { join, posix, relative, sep } from "node:path";

/**
 * The layers, lowest first: a file imports its own layer and the layers below. import/no-cycle rejects cycles inside a layer.
 * An entry is a file or, with a slash at the end, a folder of src/.
 */
const LAYERS = [
  ["errors.ts", "json.ts", "log.ts", "image/", "web/"],
  ["limits.ts", "memory.ts", "concurrency.ts"],
  ["stream/"],
  ["vendors/"],
  ["access/"],
  ["env.ts", "store/"],
  ["models/"],
  ["generate/"],
  ["schedule/"],
  ["routes/"],
  ["app.ts"],
  ["index.ts"],
];

/** Files and folders that may import less than their layer allows → everything they may import except themselves. */
const RESTRICTED = {
  "errors.ts": [],
  "json.ts": [],
  "log.ts": [],
  // A script for browsers, in one file.
  "web/": [],
  "image/": ["errors.ts"],
};

/** What a vendor's folder may import except itself. */
const VENDOR_IMPORTS = [
  "errors.ts",
  "image/",
  "vendors/vendor.ts",
  "vendors/request-schema.ts",
  "vendors/reference-fields.ts",
  "vendors/contents.ts",
  "vendors/response-fields.ts",
  "vendors/vendor-errors.ts",
  "vendors/openai-errors.ts",
];

/** Packages that the Worker may import; no vendor's SDK. zod/mini is the small build of zod; croner computes cron times. */
const PACKAGES = /^(hono(\/.+)?|zod\/mini|croner|node:.+|cloudflare:.+)$/;

/** Folders of src/vendors/ that are no vendor: Easel's own names, or a format that many clients speak. */
const NOT_VENDORS = new Set(["easel", "openai", "sandbox"]);
const VENDOR_FOLDERS = readdirSync(join(import.meta.dirname, "../src/vendors"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !NOT_VENDORS.has(entry.name))
  .map(({ name }) => name);
/** Other spellings of a vendor's name → its folder. */
const SPELLINGS = { marswave: "listenhub", "link-ai": "linkai", 海鲸: "atalk" };
/** A name inside a longer word does not count: "sixty". */
const VENDOR_NAMES = new RegExp(`(?<![a-z])(?:${[...VENDOR_FOLDERS, ...Object.keys(SPELLINGS)].join("|")})`, "gi");

/** Methods that read a body to its end. Only calls without arguments: `c.json(value)` writes a body. */
const BODY_READERS = new Set(["json", "text", "arrayBuffer", "bytes", "blob", "formData"]);

/** The linted file relative to src/, with slashes; undefined outside it. */
function inSrc(context) {
  const path = relative(context.cwd, context.filename).split(sep).join("/");
  return path.startsWith("src/") ? path.slice("src/".length) : undefined;
}

const matchesEntry = (entry, path) => (entry.endsWith("/") ? path.startsWith(entry) : path === entry);
const layerOf = (path) => LAYERS.findIndex((layer) => layer.some((entry) => matchesEntry(entry, path)));
const vendorOf = (path) => /^vendors\/([^/]+)\//.exec(path)?.[1];

/** Return why `from` may not import `to` (both relative to src/), or undefined if it may. */
function importProblem(from, to) {
  const vendor = vendorOf(from);
  if (vendor !== undefined) {
    if ([`vendors/${vendor}/`, ...VENDOR_IMPORTS].some((entry) => matchesEntry(entry, to))) return undefined;
    return `A vendor's folder imports only itself, ${VENDOR_IMPORTS.join(", ")}; not ${to}.`;
  }
  if (vendorOf(to) !== undefined && from !== "vendors/index.ts") {
    return `A vendor is reached through vendors/index.ts only; not ${to}.`;
  }
  const restricted = Object.keys(RESTRICTED).find((entry) => matchesEntry(entry, from));
  if (restricted !== undefined) {
    if ([restricted, ...RESTRICTED[restricted]].some((entry) => matchesEntry(entry, to))) return undefined;
    return `${restricted} imports only ${[restricted, ...RESTRICTED[restricted]].join(", ")}; not ${to}.`;
  }
  const [fromLayer, toLayer] = [layerOf(from), layerOf(to)];
  if (fromLayer === -1) return `src/${from} has no layer yet: give it one in lint/fences.js.`;
  if (toLayer === -1) return `src/${to} has no layer yet: give it one in lint/fences.js.`;
  if (toLayer > fromLayer) return `A lower layer never imports an upper one: ${from} imports ${to}.`;
  return undefined;
}

const layers = {
  create(context) {
    const from = inSrc(context);
    if (from === undefined) return {};
    const check = ({ source }) => {
      if (typeof source?.value !== "string") return;
      const specifier = source.value;
      if (!specifier.startsWith(".")) {
        if (!PACKAGES.test(specifier)) {
          context.report({
            node: source,
            message: `src imports hono, zod/mini, croner and the platform only; not ${specifier}.`,
          });
        }
        return;
      }
      const to = posix.join(posix.dirname(from), specifier);
      const message = to.startsWith("..")
        ? `src imports nothing from outside src; not ${specifier}.`
        : importProblem(from, to);
      if (message !== undefined) context.report({ node: source, message });
    };
    return {
      ImportDeclaration: check,
      ImportExpression: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      TSImportType: check,
    };
  },
};

const vendorNames = {
  create(context) {
    const path = inSrc(context);
    if (path === undefined || path === "vendors/index.ts") return {};
    const vendor = vendorOf(path);
    return {
      // Search the text instead of the syntax tree: strings and comments count too.
      Program() {
        for (const { 0: name, index } of context.sourceCode.text.matchAll(VENDOR_NAMES)) {
          const folder = SPELLINGS[name.toLowerCase()] ?? name.toLowerCase();
          if (folder === vendor) continue;
          context.report({
            loc: context.sourceCode.getLocFromIndex(index),
            message: `"${name}" may be named in src/vendors/${folder}/ and src/vendors/index.ts only.`,
          });
        }
      },
    };
  },
};

const noWholeBody = {
  meta: { schema: [{ type: "object" }] },
  create(context) {
    const path = inSrc(context);
    const allowed = context.options[0]?.allow ?? {};
    if (path === undefined || `src/${path}` in allowed) return {};
    return {
      CallExpression({ callee, arguments: args }) {
        if (callee.type !== "MemberExpression" || args.length > 0) return;
        const name = callee.computed ? callee.property.value : callee.property.name;
        if (!BODY_READERS.has(name)) return;
        context.report({
          node: callee.property,
          message: `.${name}() holds a whole body in memory, and bodies hold pictures: hoist it, or give the file a reason in .oxlintrc.json.`,
        });
      },
    };
  },
};

export default {
  meta: { name: "easel" },
  rules: { layers, "vendor-names": vendorNames, "no-whole-body": noWholeBody },
};
