// Copies site/ to dist/ and fills in what its pages have in {{…}}: a value of the environment, {{EASEL_URL}}, or a picture,
// {{preset?prompt=…}}, as a signed URL. No dependency; Node 20 or newer.
import { createHmac } from "node:crypto";
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const { EASEL_URL = "http://localhost:8787", EASEL_KEY = "", SIGNING_KEY = "" } = process.env;
const [kid, secret] = SIGNING_KEY.split(/:(.+)/s);
if (!secret) {
  console.error("SIGNING_KEY must be kid:secret, one of the gateway's SIGNING_KEYS.");
  process.exit(1);
}

const values = { EASEL_URL: new URL(EASEL_URL).origin, EASEL_KEY };
const site = new URL("site/", import.meta.url);
const dist = new URL("dist/", import.meta.url);
rmSync(dist, { recursive: true, force: true });
cpSync(site, dist, { recursive: true });
for (const name of readdirSync(dist, { recursive: true }).filter((name) => name.endsWith(".html"))) {
  const page = readFileSync(new URL(name, dist), "utf8");
  const built = page.replaceAll(/\{\{(.+?)\}\}/g, (_, what) => (values[what] ?? signed(what)).replaceAll("&", "&amp;"));
  writeFileSync(new URL(name, dist), built);
}

/** `preset?field=value&…` → the URL of that picture, which nobody can alter. */
function signed(what) {
  const [preset, fields] = what.split(/\?(.*)/s);
  return values.EASEL_URL + sign(preset, Object.fromEntries(new URLSearchParams(fields)), kid, secret);
}

/** As docs/sign.mjs does. */
function sign(preset, fields, kid, secret) {
  const path = `/i/${preset}`;
  const query = Object.entries({ ...fields, kid })
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join("&");
  const sig = createHmac("sha256", secret).update(`GET\n${path}\n${query}`).digest("base64url");
  return `${path}?${query}&sig=${sig}`;
}
