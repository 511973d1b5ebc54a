import { afterAll, beforeAll, beforeEach } from "vitest";
import { startEasel } from "../harness/worker.ts";
import type { Easel, EaselOptions } from "../harness/worker.ts";
import { sha256, startAtalk, startLinkAI, startListenHub, startNebula, startXty, until } from "../sim/index.ts";
import type { Atalk, LinkAI, ListenHubBehaviour, Nebula, Sim, Xty } from "../sim/index.ts";

export const ADMIN = "admin-token-of-the-test";
export const LISTENHUB_KEY = "lh-key-of-the-operator";
export const LINKAI_KEY = "la-key-of-the-operator";
export const PRO = "gemini-3-pro-image-preview";
export const FLASH = "gemini-3.1-flash-image-preview";

/** Where ListenHub's dialect is served, and a minimal request that its document allows. */
export const LISTENHUB_PATH = "/openapi/v1/images/generation";
export const CAT = { provider: "google", prompt: "a cat" };

/** A generation's record, as clients get it. */
export interface RecordWire {
  id: string;
  status: string;
  vendor: string;
  model: string;
  dialect: string;
  images: { url: string; type: string; width: number; height: number; bytes: number }[];
  text?: string;
  warnings: string[];
  usage: Record<string, unknown> | null;
  error: { code: string; message: string } | null;
  attempts: { vendor: string; ms: number; error?: string }[];
  createdAt: string;
  finishedAt: string | null;
}

/** An answer, read to its end. */
export interface Answered {
  status: number;
  headers: Headers;
  body: Buffer;
  sha256: string;
  /** The generation's id. */
  id: string;
  /** The body, parsed when it is asked for. */
  readonly json: Record<string, unknown>;
}

export const VENDORS = ["listenhub", "xty", "atalk", "linkai", "nebula"] as const;
export type VendorName = (typeof VENDORS)[number];

/** A model that each vendor's document has. */
export const MODELS: Record<VendorName, string> = {
  listenhub: PRO,
  xty: PRO,
  atalk: "gemini-2.5-flash-image",
  linkai: PRO,
  nebula: "gemini-2.5-flash-image",
};

/** Easel in front of simulated vendors. */
export interface Stage {
  easel: Easel;
  listenhub: Sim<ListenHubBehaviour>;
  xty: Xty;
  atalk: Atalk;
  linkai: LinkAI;
  nebula: Nebula;
  /** Asks with the admin's key, unless the headers have another: JSON, or text, bytes and streams as they are. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  /** POSTs in ListenHub's dialect; `how` is what ListenHub does next. */
  ask(body: unknown, how?: ListenHubBehaviour): Promise<Response>;
  /** The same, read to its end; rejects where the body breaks off. `CAT` unless told. */
  draw(body?: unknown, how?: ListenHubBehaviour): Promise<Answered>;
  /** Makes an API key: its id, and the header of who has it. */
  newKey(terms?: object): Promise<{ id: string; headers: { authorization: string } }>;
  record(id: string): Promise<RecordWire>;
  /** The record once the generation has ended. */
  ended(id: string): Promise<RecordWire>;
  /** Keys in R2 that begin so. */
  keys(prefix?: string): Promise<string[]>;
  /** SHA-256 of a stored object, or undefined. */
  stored(key: string): Promise<string | undefined>;
  /** What every vendor saw and was told is forgotten. */
  reset(): void;
  stop(): Promise<void>;
}

export interface StageOptions extends EaselOptions {
  /** Vendors that Easel has a key for; ListenHub and LinkAI unless told. */
  vendors?: VendorName[];
  /** Limits that differ from the gateway's own; the token buckets are out of the way unless told. */
  limits?: Record<string, number>;
  /** LinkAI's CDN on a host of its own, which is then trusted. */
  cdnElsewhere?: boolean;
}

/** A busy machine takes long to send large pictures, and a test may send very many requests. */
const OUT_OF_THE_WAY = {
  keyPerMinute: 1e6,
  globalPerMinute: 1e6,
  referencesPerMinute: 1e6,
  requestMs: 600_000,
  downloadMs: 600_000,
};

export async function startStage(options: StageOptions = {}): Promise<Stage> {
  const { vendors = ["listenhub", "linkai"], limits, cdnElsewhere = false, vars, ...rest } = options;
  const keys: Record<VendorName, string> = {
    listenhub: LISTENHUB_KEY,
    xty: "xt-key-of-the-operator",
    atalk: "at-key-of-the-operator",
    linkai: LINKAI_KEY,
    nebula: "nb-key-of-the-operator",
  };
  const sims = {
    listenhub: await startListenHub({ key: keys.listenhub }),
    xty: await startXty({ key: keys.xty }),
    atalk: await startAtalk({ key: keys.atalk }),
    linkai: await startLinkAI({ key: keys.linkai, cdnElsewhere }),
    nebula: await startNebula({ key: keys.nebula }),
  };
  const { listenhub, linkai } = sims;
  const easel = await startEasel({
    ...rest,
    vars: {
      ADMIN_TOKEN: ADMIN,
      ...Object.fromEntries(vendors.map((name) => [`${name.toUpperCase()}_API_KEY`, keys[name]])),
      ...Object.fromEntries(VENDORS.map((name) => [`${name.toUpperCase()}_BASE_URL`, sims[name].origin])),
      LISTENHUB_BASE_URL: `${listenhub.origin}/openapi`,
      ...(cdnElsewhere && { TRUSTED_HOSTS: linkai.cdnHost }),
      LIMITS: JSON.stringify({ ...OUT_OF_THE_WAY, ...limits }),
      ...vars,
    },
  });
  const authorization = `Bearer ${ADMIN}`;

  const call: Stage["call"] = (method, path, body, headers) => {
    if (body === undefined) return easel.fetch(path, { method, headers: { authorization, ...headers } });
    const raw = typeof body === "string" || body instanceof Uint8Array || body instanceof ReadableStream;
    return easel.fetch(path, {
      method,
      headers: { authorization, "content-type": "application/json", ...headers },
      body: raw ? (body as BodyInit) : JSON.stringify(body),
    });
  };
  const post: Stage["post"] = (path, body, headers) => call("POST", path, body, headers);
  const get: Stage["get"] = (path, headers) => call("GET", path, undefined, headers);
  const ask: Stage["ask"] = (body, how) => {
    if (how !== undefined) listenhub.next(how);
    return post(LISTENHUB_PATH, body);
  };
  const record: Stage["record"] = (id) => jsonOf<RecordWire>(get(`/v1/generations/${id}`));
  return {
    easel,
    ...sims,
    call,
    post,
    get,
    ask,
    draw: (body = CAT, how) => read(ask(body, how)),
    newKey: async (terms = {}) => {
      const { id, key } = await jsonOf<{ id: string; key: string }>(post("/v1/keys", terms));
      return { id, headers: { authorization: `Bearer ${key}` } };
    },
    record,
    ended: async (id) => {
      await until(async () => ["succeeded", "failed"].includes((await record(id)).status));
      return record(id);
    },
    keys: async (prefix = "") => (await easel.bucket.list({ prefix })).objects.map(({ key }) => key),
    stored: async (key) => {
      const object = await easel.bucket.get(key);
      return object === null ? undefined : sha256(new Uint8Array(await object.arrayBuffer()));
    },
    reset: () => Object.values(sims).forEach((sim) => sim.reset()),
    stop: async () => {
      await easel.stop();
      await Promise.all(Object.values(sims).map((sim) => sim.stop()));
    },
  };
}

/** The stage of one file's tests: no vendor knows in one test of another, and all is gone after them. */
export function staged(options?: StageOptions): Stage {
  const stage = {} as Stage;
  beforeAll(async () => {
    Object.assign(stage, await startStage(options));
  });
  beforeEach(() => stage.reset());
  afterAll(() => stage.stop());
  return stage;
}

/** Reads an answer to its end; rejects where it breaks off. */
export async function read(answer: Response | Promise<Response>): Promise<Answered> {
  const response = await answer;
  const body = Buffer.from(await response.arrayBuffer());
  const { status, headers } = response;
  return {
    status,
    headers,
    body,
    sha256: sha256(body),
    id: headers.get("easel-generation") ?? "",
    get json() {
      return JSON.parse(body.toString()) as Record<string, unknown>;
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

/** The body of the last of the requests that a vendor saw. */
export function lastBody(seen: Sim<object>["seen"]): Record<string, unknown> {
  return seen.at(-1)?.body as Record<string, unknown>;
}

/** What the Worker has said so far, as one text. */
export function said(easel: Easel): string {
  return easel.logs.map(({ message }) => message).join("\n");
}

/** Resolves once the Worker has said `text`: what it says comes after its answer. */
export function heard(easel: Easel, text: string): Promise<void> {
  return until(() => said(easel).includes(text));
}
