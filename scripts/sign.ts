// `npm run sign -- PRESET --prompt …`: the signed URL of a picture, which is drawn when it is first viewed.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs, parseEnv } from "node:util";
import { sign } from "../docs/sign.mjs";
import { parseSigningKeys, type SigningKeys, weakKeys } from "../src/policy/signatures.ts";
import { signingKeys } from "./admin-token.ts";
import { fail } from "./gateway.ts";

const HELP = `npm run sign -- PRESET --prompt TEXT [options]

  --prompt TEXT   the words that go into the preset's
  --seed 7        as --model, --size, --aspectRatio, --width, --height, --quality and --outputFormat: what the preset lets vary
  --exp 30d       when the URL ends: 30d, 12h, 6w from now, 2027-01-31, or seconds since 1970; never unless told
  --kid main      which of SIGNING_KEYS signs it; the first unless told
  --base URL      where the gateway is; http://localhost:8787 unless told

SIGNING_KEYS is that of the environment, else of .dev.vars.`;

const TEXT = { type: "string" } as const;
const FIELDS = {
  prompt: TEXT,
  model: TEXT,
  size: TEXT,
  aspectRatio: TEXT,
  width: TEXT,
  height: TEXT,
  seed: TEXT,
  quality: TEXT,
  outputFormat: TEXT,
} as const;
const UNITS: Record<string, number> = { h: 3_600, d: 86_400, w: 7 * 86_400 };

process.chdir(join(import.meta.dirname, ".."));

const { values, positionals } = args();
const { exp, kid, base = "http://localhost:8787", help, ...fields } = values;
const [preset, ...more] = positionals;
if (help === true || preset === undefined) {
  console.log(HELP);
  process.exit(help === true ? 0 : 1);
}
if (more.length > 0) fail(`${more[0]} is one word too many: a prompt goes into quotes.\n\n${HELP}`);
if (!/^[a-z0-9-]{1,64}$/.test(preset)) fail(`${preset} is no preset's name: those have a-z, 0-9 and -.`);
if (!URL.canParse(base) || !/^https?:$/.test(new URL(base).protocol)) fail(`--base ${base} is no URL.`);

const keys = keysHere();
const [first = ""] = keys.keys();
const name = kid ?? first;
const secret = keys.get(name);
if (secret === undefined) fail(`--kid ${name} is none of SIGNING_KEYS, which has ${[...keys.keys()].join(", ")}.`);
if (weakKeys(keys).includes(name))
  console.error(`The secret of ${name} is short enough to be guessed; openssl rand -hex 32 makes a good one.`);
const end = exp === undefined ? {} : { exp: secondsOf(exp) };
console.log(new URL(base).origin + sign(preset, { ...fields, ...end }, name, secret));

function args() {
  const options = { ...FIELDS, exp: TEXT, kid: TEXT, base: TEXT, help: { type: "boolean", short: "h" } } as const;
  try {
    return parseArgs({ args: process.argv.slice(2), allowPositionals: true, options });
  } catch (error) {
    return fail(`${(error as Error).message}\n\n${HELP}`);
  }
}

/** With .dev.vars present wrangler does not read .env, and neither do we. */
function keysHere(): SigningKeys {
  const file = [".dev.vars", ".env"].find((each) => existsSync(each));
  const text = process.env["SIGNING_KEYS"] ?? (file && parseEnv(readFileSync(file, "utf8"))["SIGNING_KEYS"]);
  if (text === undefined || text === "") {
    return fail(
      file === undefined
        ? "There are no SIGNING_KEYS yet: the first `npm start` writes some into .dev.vars."
        : `${file} has no SIGNING_KEYS yet. Add some, and start again:\n\nprintf '%s\\n' "" "${signingKeys().replaceAll('"', '\\"')}" >> ${file}`,
    );
  }
  try {
    return parseSigningKeys(text);
  } catch (error) {
    return fail((error as Error).message);
  }
}

/** Seconds since 1970. */
function secondsOf(text: string): number {
  const [, count, unit = ""] = /^(\d{1,4})([hdw])$/.exec(text) ?? [];
  const now = Math.floor(Date.now() / 1000);
  const at = count === undefined ? Date.parse(text) / 1000 : now + Number(count) * (UNITS[unit] ?? 0);
  const seconds = /^\d{9,11}$/.test(text) ? Number(text) : Math.floor(at);
  if (!(seconds > now)) fail(`--exp ${text} is no time to come: 30d, 12h, 6w, 2027-01-31, or seconds since 1970.`);
  return seconds;
}
