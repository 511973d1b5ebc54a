// The gateway that a command calls: the one of `npm start`, or a deployed one.
import { fail } from "./fail.ts";

export interface Gateway {
  origin: string;
  /** Call it as the operator and return the JSON of its answer; an error ends the command. */
  call(method: string, path: string, body?: object): Promise<Record<string, unknown>>;
}

/** The gateway of `npm start`, with the same ADMIN_TOKEN. */
export async function localGateway(port?: string): Promise<Gateway> {
  const origin = localOrigin(port);
  // Imported late, because wrangler loads slowly; only wrangler knows how .dev.vars and .env combine.
  const { unstable_getVarsForDev: varsForDev } = await import("wrangler");
  const token = varsForDev("wrangler.toml", undefined, {}, undefined, true)["ADMIN_TOKEN"]?.value;
  if (typeof token !== "string" || token === "") {
    return fail("There is no ADMIN_TOKEN in .dev.vars yet: the first `npm start` writes one.");
  }
  return gatewayAt(origin, token, {
    silent: `Nothing answers on ${origin}: is \`npm start\` running, and on this port? (--port says another.)`,
    refused: `The server on ${origin} does not take the ADMIN_TOKEN of .dev.vars: is it this project's?`,
  });
}

/** The address of `npm start`. */
export function localOrigin(port = "8787"): string {
  if (/^[1-9]\d{0,4}$/.test(port) && Number(port) < 65_536) return `http://localhost:${port}`;
  return fail(`--port takes a number from 1 to 65535, not "${port}".`);
}

/** A deployed gateway: at `url` or EASEL_URL, with ADMIN_TOKEN of the environment. */
export function remoteGateway(url = process.env["EASEL_URL"]): Gateway {
  if (url === undefined || url === "") return fail("Say where: --remote https://easel.example.com, or set EASEL_URL.");
  if (!URL.canParse(url)) return fail(`${url} is no URL; one is https://easel.example.com.`);
  const { protocol, hostname, origin } = new URL(url);
  const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
  if (protocol !== "https:" && !(protocol === "http:" && isLocal)) {
    return fail(`${url} is not https: ADMIN_TOKEN would go there for everybody to read.`);
  }
  const token = process.env["ADMIN_TOKEN"];
  if (token === undefined || token === "") return fail("Set ADMIN_TOKEN in the environment to the gateway's own.");
  return gatewayAt(origin, token, {
    silent: `Nothing answers on ${origin}.`,
    refused: `${origin} does not take this ADMIN_TOKEN.`,
  });
}

function gatewayAt(origin: string, token: string, messages: { silent: string; refused: string }): Gateway {
  const call: Gateway["call"] = async (method, path, body) => {
    const answer = await fetch(origin + path, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
      // The token must not follow a redirect.
      redirect: "error",
    }).catch(() => fail(messages.silent));
    const json = (await answer.json().catch(() => ({}))) as Record<string, unknown>;
    if (answer.ok) return json;
    if (answer.status === 401) return fail(messages.refused);
    const { message } = (json["error"] ?? {}) as { message?: string };
    return fail(message ?? `${origin} answered ${answer.status} to ${method} ${path}.`);
  };
  return { origin, call };
}
