import { randomBytes } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";

type Vars = Record<string, { value?: unknown }>;

export interface Admin {
  /** The commands to print, once the server answers on `origin`. */
  advice: (origin: string) => string;
}

/**
 * Read the local ADMIN_TOKEN as wrangler does. Writes .dev.vars (mode 0600) if there is neither that nor .env; an existing
 * file is never changed.
 */
export function adminToken(vars: () => Vars): Admin {
  const token = vars()["ADMIN_TOKEN"]?.value;
  if (typeof token === "string" && token !== "") {
    return { advice: (origin) => `A picture, saved as first.png:\n\n${curlCommand(origin, token)}` };
  }
  const newToken = randomBytes(24).toString("hex");
  // Once there is a .dev.vars, Wrangler ignores .env.
  const file = varsFile();
  if (file === undefined) {
    writeFileSync(
      ".dev.vars",
      "# Secrets of local development; git ignores this file. A vendor is switched on by its <VENDOR>_API_KEY here.\n" +
        `ADMIN_TOKEN=${newToken}\n# What signs URLs of pictures: npm run sign.\n${newSigningKeysLine()}\n`,
      { mode: 0o600, flag: "wx" },
    );
    return {
      advice: (origin) =>
        `.dev.vars is new and holds your ADMIN_TOKEN. A picture, saved as first.png:\n\n${curlCommand(origin, newToken)}`,
    };
  }
  return {
    advice: (origin) =>
      `${file} sets no ADMIN_TOKEN, so nothing can be asked for yet. Add one:\n\n` +
      // The file may not end in a newline.
      `printf '\\nADMIN_TOKEN=${newToken}\\n' >> ${file}\n\n` +
      `Then, for a picture saved as first.png:\n\n${curlCommand(origin, newToken)}`,
  };
}

/** The file that wrangler reads local vars from: .env only if there is no .dev.vars. */
export function varsFile(): string | undefined {
  return [".dev.vars", ".env"].find((name) => existsSync(name));
}

/** A line for .dev.vars. */
export function newSigningKeysLine(): string {
  return `SIGNING_KEYS='{"main":"${randomBytes(32).toString("hex")}"}'`;
}

function curlCommand(origin: string, token: string): string {
  return (
    `curl -f ${origin}/v1/generations -H ${shellQuote(`Authorization: Bearer ${token}`)} -H "Accept: image/*"` +
    ` -H "Content-Type: application/json" -d '{"prompt":"a lighthouse at dusk"}' -o first.png`
  );
}

/** Quote a token for a shell, if it has characters that the shell interprets. */
function shellQuote(word: string): string {
  return /["$`\\!']/.test(word) ? `'${word.replaceAll("'", `'\\''`)}'` : `"${word}"`;
}
