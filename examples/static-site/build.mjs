// Copies site/ to dist/ and fills in what pages have in {{…}}: a signed URL, {{preset?prompt=…}}, or a value from the
// environment, {{EASEL_URL}}. No dependency; Node 20 or newer.
import { createHmac } from "node:crypto";
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const { EASEL_URL = "http://localhost:8787", EASEL_KEY = "", SIGNING_KEY = "" } = process.env;
const [kid, secret] = SIGNING_KEY.split(/:(.+)/s);
if (!secret) throw new Error("SIGNING_KEY must be kid:secret, one of the gateway's SIGNING_KEYS.");

const easel = EASEL_URL.replace(/\/+$/, "");
const values = { EASEL_URL: easel, EASEL_KEY };
const [from, to] = ["site/", "dist/"].map((folder) => new URL(folder, import.meta.url));

rmSync(to, { recursive: true, force: true });
cpSync(from, to, { recursive: true });
for (const name of readdirSync(to, { recursive: true }).filter((name) => name.endsWith(".html"))) {
  const page = readFileSync(new URL(name, to), "utf8");
  const built = page.replaceAll(/\{\{(.+?)\}\}/g, (_, what) => (values[what] ?? signedUrl(what)).replaceAll("&", "&amp;"));
  writeFileSync(new URL(name, to), built);
}

/** `preset?field=value&…` → a URL that Easel draws, and that nobody can alter. */
function signedUrl(what) {
  const [preset, fields] = what.split(/\?(.*)/s);
  return easel + sign(preset, Object.fromEntries(new URLSearchParams(fields)), kid, secret);
}

/** As in docs/sign.mjs. */
function sign(preset, fields, kid, secret) {
  const path = `/i/${preset}`;
  const query = Object.entries({ ...fields, kid })
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join("&");
  const sig = createHmac("sha256", secret).update(`GET\n${path}\n${query}`).digest("base64url");
  return `${path}?${query}&sig=${sig}`;
}
