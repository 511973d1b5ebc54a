// Copy site/ to dist/ and fill in each {{…}} of its pages: a value, {{EASEL_URL}}, or the signed URL of a picture,
// {{preset?prompt=…}}. No dependencies; Node 20.6 or newer.
import { createHmac } from "node:crypto";
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const { EASEL_URL = "http://localhost:8787", EASEL_KEY = "", SIGNING_KEYS = "" } = process.env;
/** The fields of a signed URL; the preset's `vary` decides which of them are allowed. */
const FIELDS = ["prompt", "model", "size", "aspectRatio", "width", "height", "seed", "quality", "outputFormat", "exp"];
const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&#x27;": "'" };

const origin = URL.canParse(EASEL_URL) ? new URL(EASEL_URL).origin : "";
if (!/^https?:/.test(origin)) fail(`EASEL_URL must begin with https:// or http://, and is ${EASEL_URL}`);
if (!/^(pk_|$)/.test(EASEL_KEY)) fail("EASEL_KEY must be a publishable key, pk_…: everybody can read it in the page.");
const values = new Map(Object.entries({ EASEL_URL: origin, EASEL_KEY }));
const [kid, secret] = firstKey();

const site = new URL("site/", import.meta.url);
const dist = new URL("dist/", import.meta.url);
const names = readdirSync(site, { recursive: true }).filter((name) => name.endsWith(".html"));
const pages = names.map((name) => [name, fillPage(name)]);
rmSync(dist, { recursive: true, force: true });
cpSync(site, dist, { recursive: true });
for (const [name, page] of pages) writeFileSync(new URL(name, dist), page);

/** Read a page and fill in each {{…}}. */
function fillPage(name) {
  return readFileSync(new URL(name, site), "utf8").replaceAll(/\{\{(.*?)\}\}/gs, (placeholder, inside) => {
    const expression = inside
      .trim()
      .replaceAll(/\s+/g, " ")
      .replaceAll(/&(?:amp|lt|gt|quot|#39|#x27);/g, (entity) => ENTITIES[entity]);
    const value =
      values.get(expression) ?? pictureUrl(expression, (problem) => fail(`site/${name}: ${placeholder}: ${problem}`));
    return value.replaceAll("&", "&amp;").replaceAll("'", "&#39;");
  });
}

/** `preset?field=value&field=value` → the URL of the picture. An & ends a value only if name= follows it. */
function pictureUrl(expression, reject) {
  const [, preset, query] = /^([a-z0-9-]{1,64})\?(.*)$/.exec(expression) ?? [];
  if (preset === undefined) reject(`must be ${[...values.keys()].join(", ")} or a picture, preset?prompt=…`);
  const fields = {};
  for (const part of query === "" ? [] : query.split(/&(?=\w+=)/)) {
    const [, field, value] = /^(\w+)=(.*)$/.exec(part) ?? reject(`${part} must be field=value`);
    if (!FIELDS.includes(field)) reject(`${field} is no field; there are ${FIELDS.join(", ")}`);
    if (field in fields) reject(`${field} is there twice`);
    if (value === "") reject(`${field} is empty`);
    fields[field] = value;
  }
  return origin + sign(preset, fields, kid, secret);
}

/** Sign a path and query as docs/sign.mjs does. */
function sign(preset, fields, kid, secret) {
  const path = `/i/${preset}`;
  const query = Object.entries({ ...fields, kid })
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join("&");
  const sig = createHmac("sha256", secret).update(`GET\n${path}\n${query}`).digest("base64url");
  return `${path}?${query}&sig=${sig}`;
}

/** The name and the secret of the first of SIGNING_KEYS. */
function firstKey() {
  try {
    const [[kid, secret]] = Object.entries(JSON.parse(SIGNING_KEYS));
    if (SIGNING_KEYS.trim().startsWith("{") && secret !== "" && typeof secret === "string") return [kid, secret];
  } catch {
    // The message of JSON.parse would contain a part of the secret.
  }
  return fail('SIGNING_KEYS must be what the gateway has, JSON of names and secrets, as in {"main":"…"}');
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
