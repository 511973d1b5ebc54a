// `npm run sign -- PRESET --prompt …`: print the signed URL of a picture that is generated on its first view.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { sign } from "../docs/sign.mjs";
import { parseTimestamp } from "../src/access/keys.ts";
import { parseSigningKeys, type SigningKeys, weakKeys } from "../src/access/signatures.ts";
import { newSigningKeysLine, varsFile } from "./admin-token.ts";
import { FLAG, parseCommand, TEXT, toTimestamp } from "./arguments.ts";
import { fail } from "./fail.ts";
import { localOrigin } from "./gateway.ts";
import { silenceWrangler } from "./quiet.ts";
import { checkFields } from "./sign-fields.ts";

const HELP = `npm run sign -- PRESET --prompt TEXT [options]

  --prompt TEXT   the words that go into the preset's
  --seed 7        as --model, --size, --aspectRatio, --width, --height, --quality and --outputFormat: what the preset lets vary
  --exp 30d       when the URL ends: 30d, 12h, 6w from now, 2027-01-31, or seconds since 1970; never unless told
  --kid main      which of SIGNING_KEYS signs it; the first unless told
  --port 9000     the local server of npm start -- --port 9000
  --base URL      where the gateway is, if not here, as in https://img.example.com

SIGNING_KEYS is that of the environment, else of .dev.vars.`;

const OPTIONS = {
  prompt: TEXT,
  model: TEXT,
  size: TEXT,
  aspectRatio: TEXT,
  width: TEXT,
  height: TEXT,
  seed: TEXT,
  quality: TEXT,
  outputFormat: TEXT,
  exp: TEXT,
  kid: TEXT,
  port: TEXT,
  base: TEXT,
  help: { ...FLAG, short: "h" },
} as const;
/** The latest expiry of a signed URL: eleven digits. */
const LAST_SECOND = 99_999_999_999;

process.chdir(join(import.meta.dirname, ".."));
silenceWrangler();

const { values, positionals } = parseCommand(process.argv.slice(2), OPTIONS, HELP);
const { exp, kid, port, base, help, ...fields } = values;
const [preset, ...extra] = positionals;
if (help === true || preset === undefined) {
  console.log(HELP);
  process.exit(help === true ? 0 : 1);
}
if (extra.length > 0) fail(`${extra[0]} is one word too many: a prompt goes into quotes.\n\n${HELP}`);
if (!/^[a-z0-9-]{1,64}$/.test(preset)) fail(`${preset} is no preset's name: those have a-z, 0-9 and -.`);
if (base !== undefined && port !== undefined) fail("Say either --base or --port: --port is for the local server.");
const origin = base === undefined ? localOrigin(port) : originOf(base);
const expiry = exp === undefined ? {} : { exp: secondsOf(exp) };

const keys = localSigningKeys();
const [firstKeyId = ""] = keys.keys();
const keyId = kid ?? firstKeyId;
const secret = keys.get(keyId);
if (secret === undefined) fail(`--kid ${keyId} is none of SIGNING_KEYS, which has ${[...keys.keys()].join(", ")}.`);
await checkFields(preset, fields, base === undefined);
if (weakKeys(keys).includes(keyId))
  console.error(`The secret of ${keyId} is short enough to be guessed; openssl rand -hex 32 makes a good one.`);
console.log(origin + sign(preset, { ...fields, ...expiry }, keyId, secret));

/** Reject a path in the gateway's URL: the signature covers a path from the root. */
function originOf(url: string): string {
  const { protocol, origin = "", href } = URL.parse(url) ?? {};
  if (protocol !== "https:" && protocol !== "http:") fail(`--base ${url} is no URL, as https://img.example.com is.`);
  if (href !== `${origin}/`) fail(`--base ${url} must be an origin and no more, as in ${origin}.`);
  return origin;
}

/** SIGNING_KEYS from the environment, else as wrangler reads it. */
function localSigningKeys(): SigningKeys {
  const file = varsFile();
  const text = process.env["SIGNING_KEYS"] ?? (file && parseEnv(readFileSync(file, "utf8"))["SIGNING_KEYS"]);
  if (text === undefined || text === "") {
    return fail(
      file === undefined
        ? "There are no SIGNING_KEYS yet: the first `npm start` writes some into .dev.vars."
        : `${file} has no SIGNING_KEYS yet. Add some, and start again:\n\nprintf '%s\\n' "" "${newSigningKeysLine().replaceAll('"', '\\"')}" >> ${file}`,
    );
  }
  try {
    return parseSigningKeys(text);
  } catch (error) {
    return fail((error as Error).message);
  }
}

/** Seconds since the epoch. */
function secondsOf(text: string): number {
  const milliseconds = parseTimestamp(toTimestamp(text)) ?? Number.NaN;
  const seconds = /^\d{9,11}$/.test(text) ? Number(text) : Math.floor(milliseconds / 1000);
  if (seconds > Date.now() / 1000 && seconds <= LAST_SECOND) return seconds;
  return fail(`--exp ${text} is no time to come: 30d, 12h, 6w, 2027-01-31, or seconds since 1970.`);
}
