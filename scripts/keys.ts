// `npm run keys -- create|list|revoke`: manage the gateway's API keys over its HTTP API.
import { join } from "node:path";
import { FLAG, parseCommand, TEXT, toTimestamp } from "./arguments.ts";
import { fail } from "./fail.ts";
import { type Gateway, localGateway, remoteGateway } from "./gateway.ts";
import { curlOf, type Key, keyTable } from "./key-lines.ts";
import { silenceWrangler } from "./quiet.ts";

const HELP = `npm run keys -- create [options]   make a key; it is shown once
npm run keys -- list               every key that there is
npm run keys -- revoke ID          end one for good

  --kind secret|publishable   for servers (default), or for pages
  --name TEXT                 what you will know it by
  --expires 30d               or 12h, 6w, 2027-01-31, 2027-01-31T12:00:00Z
  --model NAME                may be drawn with it; may be repeated, as may --preset and --origin
  --preset NAME               the same, by a preset
  --origin https://…          pages that may use it; https://*.example.com is every name below
  --size 1K                   the largest that may be asked for
  --per-minute 30             requests a minute

  Publishable keys need --origin, --model or --preset, --size and --per-minute.

  --port 9000                 the local server of npm start -- --port 9000
  --remote [URL]              a deployed one; URL or EASEL_URL, and ADMIN_TOKEN, from the environment`;

const MANY = { type: "string", multiple: true } as const;
const OPTIONS = {
  kind: TEXT,
  name: TEXT,
  expires: TEXT,
  model: MANY,
  preset: MANY,
  origin: MANY,
  size: TEXT,
  "per-minute": TEXT,
  port: TEXT,
  remote: FLAG,
  help: { ...FLAG, short: "h" },
} as const;

process.chdir(join(import.meta.dirname, ".."));
silenceWrangler();

const args = process.argv.slice(2).flatMap((arg) => (arg.startsWith("--remote=") ? ["--remote", arg.slice(9)] : [arg]));
const { values, positionals } = parseCommand(args, OPTIONS, HELP);
const [command = "", ...operands] = positionals;
if (values.help === true || command === "") {
  console.log(HELP);
  process.exit(values.help === true ? 0 : 1);
}
// parseArgs has no options with an optional value.
const urlIndex = operands.findIndex((operand) => operand.includes("://"));
const remote = values.remote === true ? operands.splice(urlIndex, urlIndex < 0 ? 0 : 1)[0] : undefined;
const [id, ...extra] = operands;
if (extra.length > 0 || (command !== "revoke" && id !== undefined)) {
  fail(`${extra.at(0) ?? id} is one word too many.\n\n${HELP}`);
}
const body = keyOptions();
const commands: Record<string, (gateway: Gateway) => Promise<void>> = {
  create: createKey,
  list: listKeys,
  revoke: revokeKey,
};
const run = Object.hasOwn(commands, command) ? commands[command] : undefined;
if (run === undefined) fail(`${command} is no command.\n\n${HELP}`);
await run(values.remote === true ? remoteGateway(remote) : await localGateway(values.port));

async function createKey({ origin, call }: Gateway): Promise<void> {
  const created = (await call("POST", "/v1/keys", body)) as unknown as Key;
  console.log(`${created.key}\n\nThis is the only time it is shown; what is kept is a hash. Its id is ${created.id}.`);
  const [preset] = created.presets ?? [];
  const { vary } = preset === undefined ? {} : ((await call("GET", `/v1/presets/${preset}`)) as { vary?: string[] });
  console.log(`A picture with it, saved as first.png:\n\n${curlOf(origin, created, vary)}`);
}

async function listKeys({ call }: Gateway): Promise<void> {
  const { data } = (await call("GET", "/v1/keys")) as unknown as { data: Key[] };
  if (data.length === 0) return console.log("There are no keys yet.");
  console.log(keyTable(data));
}

async function revokeKey({ call }: Gateway): Promise<void> {
  // A whole key, pasted by mistake, must not be sent in a URL.
  const name = /^[ep]k_([^_]+)_/.exec(id ?? "")?.[1] ?? id;
  if (name === undefined) return fail(`Say which: npm run keys -- revoke ID. npm run keys -- list has the ids.`);
  await call("DELETE", `/v1/keys/${encodeURIComponent(name)}`);
  console.log(`${name} is revoked. At the edge it may be good for another 90 s.`);
}

/** The body of POST /v1/keys for these options; the gateway validates it. */
function keyOptions(): object {
  const { kind, name, expires, size, model: models, preset: presets, origin: origins } = values;
  const perMinute = values["per-minute"];
  if (perMinute !== undefined && !/^\d+$/.test(perMinute)) fail("--per-minute takes a whole number, as in 30.");
  const restrictions = {
    models,
    presets,
    origins,
    size,
    perMinute: perMinute === undefined ? undefined : Number(perMinute),
  };
  return { kind, name, expiresAt: expires === undefined ? undefined : toTimestamp(expires), ...restrictions };
}
