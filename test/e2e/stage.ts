import { startEasel } from "../harness/worker.ts";
import type { Easel, EaselOptions } from "../harness/worker.ts";
import { sha256, startLinkAI, startListenHub, until } from "../sim/index.ts";
import type { LinkAI, ListenHubBehaviour, Sim } from "../sim/index.ts";

export const ADMIN = "admin-token-of-the-test";

/** Easel with both vendors behind it; which of them it has a key for is the test's choice. */
export interface Stage {
  easel: Easel;
  listenhub: Sim<ListenHubBehaviour>;
  linkai: LinkAI;
  /** POSTs JSON with the admin's key; text goes as it is. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  /** GETs with the admin's key. */
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  /** Keys in R2 that begin so. */
  keys(prefix: string): Promise<string[]>;
  /** What every vendor saw and was told is forgotten. */
  reset(): void;
  stop(): Promise<void>;
}

export interface StageOptions extends EaselOptions {
  /** Vendors with a key; both unless told. */
  vendors?: ("listenhub" | "linkai")[];
  /** Limits that differ from the gateway's own; the token buckets are out of the way unless told. */
  limits?: Record<string, number>;
  /** LinkAI's CDN on a host of its own, which is then trusted. */
  cdnElsewhere?: boolean;
}

export async function startStage(options: StageOptions = {}): Promise<Stage> {
  const { vendors = ["listenhub", "linkai"], limits, cdnElsewhere = false, vars, ...rest } = options;
  const listenhub = await startListenHub();
  const linkai = await startLinkAI({ cdnElsewhere });
  const easel = await startEasel({
    ...rest,
    vars: {
      ADMIN_TOKEN: ADMIN,
      ...(vendors.includes("listenhub") && { LISTENHUB_API_KEY: "lh-key" }),
      ...(vendors.includes("linkai") && { LINKAI_API_KEY: "la-key" }),
      LISTENHUB_BASE_URL: `${listenhub.origin}/openapi`,
      LINKAI_BASE_URL: linkai.origin,
      ...(cdnElsewhere && { TRUSTED_HOSTS: linkai.cdnHost }),
      LIMITS: JSON.stringify({ keyPerMinute: 1e6, globalPerMinute: 1e6, referencesPerMinute: 1e6, ...limits }),
      ...vars,
    },
  });
  const authorization = `Bearer ${ADMIN}`;
  return {
    easel,
    listenhub,
    linkai,
    post: (path, body, headers) =>
      easel.fetch(path, {
        method: "POST",
        headers: { authorization, "content-type": "application/json", ...headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
      }),
    get: (path, headers) => easel.fetch(path, { headers: { authorization, ...headers } }),
    keys: async (prefix) => (await easel.bucket.list({ prefix })).objects.map(({ key }) => key),
    reset: () => [listenhub, linkai].forEach((sim) => sim.reset()),
    stop: async () => {
      await easel.stop();
      await Promise.all([listenhub.stop(), linkai.stop()]);
    },
  };
}

/** An answer's JSON, whatever its shape is said to be. */
export async function jsonOf<T = Record<string, unknown>>(answer: Response | Promise<Response>): Promise<T> {
  return (await (await answer).json()) as T;
}

/** SHA-256 of an answer's body. */
export async function hashOf(answer: Response | Promise<Response>): Promise<string> {
  return sha256(new Uint8Array(await (await answer).arrayBuffer()));
}

/** What `easel-warnings` holds. */
export function warningsOf(answer: Response): string[] {
  return JSON.parse(answer.headers.get("easel-warnings") ?? "[]") as string[];
}

/** Resolves once the Worker has said `text`: what it says comes after its answer. */
export function heard(easel: Easel, text: string): Promise<void> {
  return until(() => easel.logs.some(({ message }) => message.includes(text)));
}
